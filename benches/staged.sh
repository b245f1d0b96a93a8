#!/usr/bin/env bash
# Compares `keylint staged` with `git diff --cached --stat` where one file is changed, and keylint's start-up with
# ripgrep's.
#
#     cargo build --release
#     benches/staged.sh REPOSITORY [ROUNDS]
#
# REPOSITORY is one with thousands of files, such as a clone of https://github.com/git/git, bare or not. It is only read:
# a clone that shares its objects is made in TMPDIR, checked out, changed and removed again.
#
# Needed: bash 5, GNU coreutils, git. Left out when not installed: ripgrep as `rg`. KEYLINT, GIT and RG name other
# binaries: give the programs themselves, not the wrappers of a package manager.
#
# Each round runs every command once, with a warm page cache, and in another order: what comes after a process with
# several threads starts a millisecond later. Reported are medians of whole processes and their ratios.
set -euo pipefail
export LC_ALL=C

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
repository="${1:?usage: benches/staged.sh REPOSITORY [ROUNDS]}"
rounds="${2:-200}"
keylint="${KEYLINT:-$here/target/release/keylint}"
git="${GIT:-git}"
rg="${RG:-rg}"
[[ -x "$keylint" ]] || { echo "no $keylint: run cargo build --release first" >&2; exit 2; }

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/empty"
"$git" clone --quiet --shared "$repository" "$scratch/clone"
cd "$scratch/clone"
file="$("$git" ls-files -- '*.c' '*.py' '*.go' | sed -n 1p)"
echo >>"${file:?no source file}"
"$git" add -- "$file"
# A file of the same second as the index would be read anew each time.
sleep 1.1
"$git" status >/dev/null
echo "$("$git" ls-files | wc -l) files, $("$git" diff --cached --name-only | wc -l) changed"

# What git sets for its hooks, for which keylint is run.
index="$scratch/clone/.git/index"
run_git() { "$git" diff --cached --stat; }
run_staged() { "$keylint" staged; }
run_hook() { GIT_INDEX_FILE="$index" "$keylint" staged; }
run_keylint_start() { "$keylint" --version; }
run_keylint_empty() { "$keylint" scan "$scratch/empty"; }
run_rg_start() { "$rg" --version; }

# Appends the microseconds that one run of $1 takes to its list.
measure() {
    local start end
    start="${EPOCHREALTIME/./}"
    "run_$1" >"$scratch/out" 2>"$scratch/err" || { echo "$1 failed:" >&2; cat "$scratch/err" >&2; exit 2; }
    end="${EPOCHREALTIME/./}"
    echo "$((end - start))" >>"$scratch/times_$1"
}
median() { sort -n "$scratch/times_$1" | awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }'; }
milliseconds() { awk -v a="$(median "$1")" 'BEGIN { printf "%.2f ms", a / 1000 }'; }
ratio() { awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN { printf "%.2f", a / b }'; }

commands=(git staged hook keylint_start keylint_empty)
if command -v "$rg" >/dev/null; then commands+=(rg_start); fi
for ((round = 0; round <= rounds; round++)); do
    for command in $(shuf --echo "${commands[@]}"); do measure "$command"; done
    # The first round warms up.
    if ((round == 0)); then rm "$scratch"/times_*; fi
done

echo "git diff --cached --stat: $(milliseconds git)"
echo "keylint staged: $(milliseconds staged), $(ratio staged git) times as long (wanted: at most 1.5, and 30 ms)"
echo "keylint staged, as a hook: $(milliseconds hook), $(ratio hook git) times as long"
if [[ -f "$scratch/times_rg_start" ]]; then
    echo "rg --version: $(milliseconds rg_start)"
    echo "keylint --version: $(milliseconds keylint_start), $(ratio keylint_start rg_start) times as long"
    echo "keylint scan in an empty directory: $(milliseconds keylint_empty), $(ratio keylint_empty rg_start) times as long (wanted: at most 2)"
fi
