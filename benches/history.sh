#!/usr/bin/env bash
# Compares whole scans of a history with other tools, and with inflating and rebuilding its blobs alone.
#
#     cargo build --release
#     benches/history.sh LARGE SMALL [ROUNDS]
#
# LARGE and SMALL are repositories with all of their history; they are only read. For the figures in the notes:
#
#     git clone --bare https://github.com/git/git /tmp/git.git
#     git clone --bare https://github.com/boto/boto /tmp/boto.git
#     benches/history.sh /tmp/git.git /tmp/boto.git
#
# Needed: bash 5, GNU coreutils, git, python3 for the memory. Left out when not installed: kingfisher 2.14 (run on LARGE
# once), gitleaks 8.30 and betterleaks 2.0 (run on SMALL). KEYLINT, KINGFISHER, GITLEAKS and BETTERLEAKS name other
# binaries; give the programs themselves, not the wrappers of a package manager. SLOW=0 leaves the others out.
#
# Everything runs with a warm page cache on two threads, in turn; reported are medians and their ratios.
set -euo pipefail
export LC_ALL=C

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
large="${1:?usage: benches/history.sh LARGE SMALL [ROUNDS]}"
small="${2:?usage: benches/history.sh LARGE SMALL [ROUNDS]}"
rounds="${3:-5}"
threads=2
keylint="${KEYLINT:-$here/target/release/keylint}"
kingfisher="${KINGFISHER:-kingfisher}"
gitleaks="${GITLEAKS:-gitleaks}"
betterleaks="${BETTERLEAKS:-betterleaks}"
[[ -x "$keylint" ]] || { echo "no $keylint: run cargo build --release first" >&2; exit 2; }

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
pin=()
if command -v taskset >/dev/null && (($(nproc) > threads)); then
    pin=(taskset -c "0-$((threads - 1))")
fi
rebuild="$(cargo bench --manifest-path "$here/Cargo.toml" --bench rebuild --no-run 2>&1 |
    sed -n 's/.*(\(.*\))$/\1/p' | tail -n 1)"
[[ "$rebuild" = /* ]] || rebuild="$here/$rebuild"

run_keylint() { "${pin[@]}" "$keylint" history --no-config --threads "$threads" "$large"; }
run_rebuild() { "${pin[@]}" "$rebuild" "$large" "$threads"; }
run_kingfisher() {
    "${pin[@]}" "$kingfisher" scan --no-update-check --no-validate --git-history full --jobs "$threads" --quiet \
        --rule betterleaks.aws-access-token --rule betterleaks.aws-secret-access-key \
        --rule betterleaks.aws-session-token --format json "$large"
}
run_rebuild_small() { "${pin[@]}" "$rebuild" "$small" "$threads" all; }
run_keylint_small() { "${pin[@]}" "$keylint" history --no-config --threads "$threads" "$small"; }
run_gitleaks() {
    GOMAXPROCS="$threads" "${pin[@]}" "$gitleaks" git --no-banner --log-level error --exit-code 0 "$small"
}
run_betterleaks() {
    GOMAXPROCS="$threads" "${pin[@]}" "$betterleaks" git --no-banner --log-level error --exit-code 0 "$small"
}

# Appends the microseconds that one run of $1 takes to its list.
measure() {
    local start end status=0
    start="${EPOCHREALTIME/./}"
    "run_$1" >"$scratch/out" 2>"$scratch/err" || status=$?
    end="${EPOCHREALTIME/./}"
    # Keylint scans on where something cannot be scanned whole, archives deep within archives say, and ends with 2.
    if ((status == 2)) && [[ "$1" = keylint* && -s "$scratch/out" ]]; then
        touch "$scratch/incomplete_$1"
        status=0
    fi
    # 1 is "found something"; kingfisher adds the 200s for findings.
    if ((status != 0 && status != 1 && status < 200)); then
        echo "$1 failed with status $status:" >&2
        cat "$scratch/err" >&2
        exit 2
    fi
    echo "$((end - start))" >>"$scratch/times_$1"
}
median() { sort -n "$scratch/times_$1" | awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
milliseconds() { awk -v a="$1" 'BEGIN { printf "%.0f ms", a / 1000 }'; }
installed() { [[ "${SLOW:-1}" != 0 ]] && command -v "$1" >/dev/null; }

for tool in keylint rebuild keylint_small rebuild_small; do
    measure "$tool"
    rm "$scratch/times_$tool"
done
for ((round = 0; round < rounds; round++)); do
    measure keylint
    measure rebuild
    measure keylint_small
    measure rebuild_small
    if ((round < 3)); then
        if installed "$gitleaks"; then measure gitleaks; fi
        if installed "$betterleaks"; then measure betterleaks; fi
    fi
done
if installed "$kingfisher"; then measure kingfisher; fi

own="$(median keylint)"
echo "$large: keylint $(milliseconds "$own")"
echo "  inflating and rebuilding blobs alone $(milliseconds "$(median rebuild)"): keylint takes $(ratio "$own" "$(median rebuild)") times as long (wanted: at most 3)"
if [[ -f "$scratch/times_kingfisher" ]]; then
    echo "  kingfisher $(milliseconds "$(median kingfisher)"): $(ratio "$(median kingfisher)" "$own") times as long as keylint (wanted: at least 25)"
fi
own="$(median keylint_small)"
echo "$small: keylint $(milliseconds "$own")"
for run in keylint keylint_small; do
    if [[ -e "$scratch/incomplete_$run" ]]; then echo "  ($run ended with status 2: not all could be scanned)"; fi
done
floor="$(median rebuild_small)"
echo "  inflating and rebuilding all objects alone $(milliseconds "$floor"): keylint takes $(ratio "$own" "$floor") times as long"
for tool in gitleaks betterleaks; do
    if [[ -f "$scratch/times_$tool" ]]; then
        echo "  $tool $(milliseconds "$(median "$tool")"): $(ratio "$(median "$tool")" "$own") times as long as keylint (wanted: at least 20), $(ratio "$(median "$tool")" "$floor") times as long as reading all objects"
    fi
done

# Peak of the memory that is keylint's own: the mapped packs are the page cache's.
python3 - "$keylint" history --no-config --threads "$threads" "$large" <<'PYTHON'
import subprocess, sys, time
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
peak = 0
while process.poll() is None:
    try:
        with open(f"/proc/{process.pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    peak = max(peak, int(line.split()[1]))
    except FileNotFoundError:
        break
    time.sleep(0.005)
print(f"peak memory of its own: {peak * 1024 / 1e6:.0f} MB (wanted: below 400)")
PYTHON
