#!/usr/bin/env bash
# Compares whole runs of keylint with other tools over a real tree, and measures its memory and its start-up.
#
#     cargo build --release
#     benches/compare.sh TREE [ROUNDS]
#
# TREE should hold at least 15,000 files and 200 MB: several public repositories beside each other. It is only read.
# For example:
#
#     mkdir /tmp/tree && cd /tmp/tree
#     git clone --depth 1 https://github.com/boto/botocore
#     git clone --depth 1 https://github.com/hashicorp/terraform
#     git clone --depth 1 https://github.com/git/git
#
# Needed: bash 5, GNU coreutils, GNU time as /usr/bin/time. Left out when not installed: ripgrep as `rg`, kingfisher
# (https://github.com/mongodb/kingfisher/releases, 2.14), gitleaks (https://github.com/gitleaks/gitleaks/releases,
# 8.30). The variables KEYLINT, RG, KINGFISHER and GITLEAKS name other binaries: give the program itself where the
# command is a wrapper of a package manager, since a wrapper's own start-up counts.
#
# Tools run in turn, A B C A B C ..., with a warm page cache and two threads, so that whatever else the machine does
# falls on all of them. Reported are medians and ratios of medians; only the ratios mean something elsewhere. hyperfine
# is not used, because it finishes one command before it starts on the next.
#
# BIG=0 leaves out the run over a 2 GB file, which is written to TMPDIR and removed again.
set -euo pipefail
export LC_ALL=C

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
tree="${1:?usage: benches/compare.sh TREE [ROUNDS]}"
rounds="${2:-11}"
threads=2
keylint="${KEYLINT:-$here/target/release/keylint}"
rg="${RG:-rg}"
kingfisher="${KINGFISHER:-kingfisher}"
gitleaks="${GITLEAKS:-gitleaks}"
[[ -x "$keylint" ]] || { echo "no $keylint: run cargo build --release first" >&2; exit 2; }

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/empty"

# Two cores for everything, where the machine has more.
pin=()
if command -v taskset >/dev/null && (($(nproc) > threads)); then
    pin=(taskset -c "0-$((threads - 1))")
fi

run_keylint() { "${pin[@]}" "$keylint" scan --no-config --no-ignore --threads "$threads" "$tree"; }
run_rg() { "${pin[@]}" "$rg" --no-config -uu -j "$threads" -c 'AKIA|ASIA' "$tree"; }
run_kingfisher() {
    "${pin[@]}" "$kingfisher" scan --no-update-check --no-validate --git-history none --jobs "$threads" --quiet \
        --rule betterleaks.aws-access-token --rule betterleaks.aws-secret-access-key \
        --rule betterleaks.aws-session-token --format json "$tree"
}
run_gitleaks() { GOMAXPROCS="$threads" "${pin[@]}" "$gitleaks" dir --no-banner --log-level error --exit-code 0 "$tree"; }
run_keylint_start() { "${pin[@]}" "$keylint" scan --no-config --quiet "$scratch/empty"; }
run_rg_start() { "${pin[@]}" "$rg" --version; }

# Appends the milliseconds that one run of $1 takes to its list.
measure() {
    local start end status=0
    start="${EPOCHREALTIME/./}"
    "run_$1" >"$scratch/out" 2>"$scratch/err" || status=$?
    end="${EPOCHREALTIME/./}"
    # 1 is "found something" or "found nothing"; kingfisher adds the 200s for findings.
    if ((status != 0 && status != 1 && status < 200)); then
        echo "$1 failed with status $status:" >&2
        cat "$scratch/err" >&2
        exit 2
    fi
    echo "$((end - start))" >>"$scratch/times_$1"
}

# The median of all runs of $1, in microseconds.
median() { sort -n "$scratch/times_$1" | awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
milliseconds() { awk -v a="$1" 'BEGIN { printf "%.1f ms", a / 1000 }'; }
installed() { command -v "$1" >/dev/null; }

fast=(keylint)
slow=()
installed "$rg" && fast+=(rg) || echo "rg is not installed: left out"
installed "$kingfisher" && slow+=(kingfisher) || echo "kingfisher is not installed: left out"
installed "$gitleaks" && slow+=(gitleaks) || echo "gitleaks is not installed: left out"

echo "tree: $(find "$tree" -type f | wc -l) files, $(($(find "$tree" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }') / 1000000)) MB"
echo "tools: $("$keylint" --version)$(installed "$rg" && "$rg" --version | awk 'NR == 1 { print ", " $1 " " $2 }')$(
    installed "$kingfisher" && "$kingfisher" --version | awk 'NR == 1 { print ", " $0 }'
)$(installed "$gitleaks" && "$gitleaks" version | awk 'NR == 1 { print ", gitleaks " $0 }')"

# One unmeasured run each: the page cache is warm after it, and so are caches of the tools' own.
for tool in "${fast[@]}" "${slow[@]}"; do
    measure "$tool"
    rm "$scratch/times_$tool"
done
for ((round = 0; round < rounds; round++)); do
    for tool in "${fast[@]}"; do measure "$tool"; done
    # The slow ones differ by factors, not by percents: three rounds tell enough.
    if ((round < 3)); then
        for tool in "${slow[@]}"; do measure "$tool"; done
    fi
done

own="$(median keylint)"
printf '\n%-12s %12s %s\n' "" "median" ""
printf '%-12s %12s\n' keylint "$(milliseconds "$own")"
if installed "$rg"; then
    printf '%-12s %12s   keylint takes %s times as long (wanted: at most 1.3)\n' \
        rg "$(milliseconds "$(median rg)")" "$(ratio "$own" "$(median rg)")"
fi
for tool in "${slow[@]}"; do
    wanted=8
    [[ "$tool" == gitleaks ]] && wanted=50
    printf '%-12s %12s   takes %s times as long as keylint (wanted: at least %s)\n' \
        "$tool" "$(milliseconds "$(median "$tool")")" "$(ratio "$(median "$tool")" "$own")" "$wanted"
done

# Start-up: many short runs, in turn.
for ((round = 0; round < 20 * rounds; round++)); do
    measure keylint_start
    installed "$rg" && measure rg_start
done
printf '\nstart-up: %s on an empty directory' "$(milliseconds "$(median keylint_start)")"
if installed "$rg"; then
    printf ', rg --version %s: %s times as long (wanted: at most 2)' \
        "$(milliseconds "$(median rg_start)")" "$(ratio "$(median keylint_start)" "$(median rg_start)")"
fi
printf '\n'

# Peak memory of a scan of $@, in MB.
peak() {
    /usr/bin/time -f %M -o "$scratch/peak" "$keylint" scan --no-config --no-ignore --threads "$threads" "$@" \
        >/dev/null 2>&1 || true
    awk '/^[0-9]+$/ { printf "%.1f MB", $1 * 1024 / 1e6 }' "$scratch/peak"
}
printf 'peak memory: %s' "$(peak "$tree")"
if [[ "${BIG:-1}" != 0 ]]; then
    # Real content, written out whole: a sparse file would be read without touching the disk.
    mkdir "$scratch/big"
    find "$tree" -type f -size -256k -print0 | sort -z | head -z -n 4000 | xargs -0 cat 2>/dev/null | head -c 16777216 >"$scratch/sample" ||
        true
    while (($(stat -c %s "$scratch/big/file" 2>/dev/null || echo 0) < 2000000000)); do
        cat "$scratch/sample"
    done >"$scratch/big/file"
    printf ', with a file of %s MB beside it %s' \
        "$(($(stat -c %s "$scratch/big/file") / 1000000))" "$(peak "$tree" "$scratch/big")"
fi
printf ' (wanted: below 64 MB)\n'
