#!/usr/bin/env bash
# Compares whole scans of a history with other tools, with inflating and rebuilding its blobs alone, and with the same
# history where there is something to find.
#
#     cargo build --release
#     benches/history.sh LARGE SMALL [ROUNDS]
#
# LARGE and SMALL are repositories with all of their history; they are only read. A repository that borrows the objects
# of LARGE and has a hundred commits more, each with a credential, is made in TMPDIR. For the figures in the notes:
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

# Prints the commands for git fast-import that add a hundred commits, each with a made-up credential, after commit $1.
commits_with_credentials() {
    python3 - "$1" <<'PYTHON'
import random, string, sys
draw = lambda alphabet, length: "".join(random.choices(alphabet, k=length))
base32, base64 = string.ascii_uppercase + "234567", string.ascii_letters + string.digits + "+/"
def data(text):
    return f"data {len(text)}\n{text}\n"
for number in range(100):
    # A key ID of the generation that has its account in it, a number of twelve digits at most.
    key_id, secret = "AKIA" + draw("QRSTUVWXYZ", 1) + draw(base32, 15), draw(base64, 40)
    print("commit refs/heads/found\ncommitter Nobody <nobody@example.com> 1700000000 +0000")
    parent = f"from {sys.argv[1]}\n" if number == 0 else ""
    lines = f"aws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
    file = f"M 644 inline services/{number}/settings.ini\n" + data(lines)
    print(data(f"Add service {number}") + parent + file)
PYTHON
}
found="$scratch/found.git"
git clone --quiet --bare --shared "$large" "$found"
commits_with_credentials "$(git -C "$large" rev-parse HEAD)" | git -C "$found" fast-import --quiet

run_keylint() { "${pin[@]}" "$keylint" history --no-config --threads "$threads" "$large"; }
run_keylint_found() { "${pin[@]}" "$keylint" history --no-config --threads "$threads" "$found"; }
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

for tool in keylint keylint_found rebuild keylint_small rebuild_small; do
    measure "$tool"
    rm "$scratch/times_$tool"
    # The credentials are drawn at random, and some few may look unlike real ones.
    if [[ "$tool" = keylint_found ]] && (($(grep -c 'services/[0-9]*/settings\.ini' "$scratch/out") < 90)); then
        echo "the made-up credentials were not found" >&2
        exit 2
    fi
done
for ((round = 0; round < rounds; round++)); do
    measure keylint
    measure keylint_found
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
more="$(awk -v a="$(median keylint_found)" -v b="$own" 'BEGIN { print a - b }')"
echo "  with a hundred findings $(milliseconds "$(median keylint_found)"): attribution takes $(ratio "$more" "$own") of a pass (wanted: at most 1)"
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

# Peak of the memory that is keylint's own while it scans $1: the mapped packs are the page cache's.
peak() {
    python3 - "$keylint" history --no-config --threads "$threads" "$1" <<'PYTHON'
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
print(f"{peak * 1024 / 1e6:.0f} MB")
PYTHON
}
echo "peak memory of its own: $(peak "$large"), with a hundred findings $(peak "$found") (wanted: below 400)"
