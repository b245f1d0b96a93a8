//! `keylint hook`: puts keylint into a repository's hooks and takes it out again. This is the one command that writes
//! into a repository.
//!
//! A hook that is there already is renamed and runs first; taking keylint out gives it its name back, so it is never
//! edited.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use keylint::report::escape::escape;
use keylint::sources::git;

use crate::args::HookAction;
use crate::exit::Status;

/// How every hook of keylint's begins, and no other.
const BEGINNING: &str = "#!/bin/sh\n# keylint hook: `keylint hook uninstall` removes this file.\n";

/// What is added to the name of a hook that was there before.
const KEPT: &str = ".keylint-kept";

/// Finds keylint: where it was when the hook was installed, or else on the PATH.
const FIND: &str = r#"
[ -x "$keylint" ] || keylint=keylint
if ! command -v "$keylint" >/dev/null 2>&1; then
    echo "keylint: error: keylint is not found, so nothing was checked; install it, or remove this hook: $0" >&2
    exit 2
fi
"#;

const PRE_COMMIT: &str = r#"
"$keylint" staged --quiet
status=$?
if [ "$status" -ne 0 ]; then
    echo "keylint: the commit was stopped; \`git commit --no-verify\` makes it without this check" >&2
fi
exit "$status"
"#;

const PRE_PUSH: &str = r#"
updates | "$keylint" pre-push --quiet -- "$@"
status=$?
if [ "$status" -ne 0 ]; then
    echo "keylint: the push was stopped; \`git push --no-verify\` makes it without this check" >&2
fi
exit "$status"
"#;

/// Runs the hook that was there before.
const PRE_COMMIT_KEPT: &str = r#"
if [ -x "$0.keylint-kept" ]; then
    "$0.keylint-kept" "$@" || exit
fi
"#;

/// Both read what git says on standard input.
const PRE_PUSH_KEPT: &str = r#"
updates=$(cat)
updates() {
    [ -z "$updates" ] || printf '%s\n' "$updates"
}
if [ -x "$0.keylint-kept" ]; then
    updates | "$0.keylint-kept" "$@" || exit
fi
"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hook {
    PreCommit,
    PrePush,
}

impl Hook {
    const ALL: [Self; 2] = [Self::PreCommit, Self::PrePush];

    fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
        }
    }

    /// The script, for a keylint at this path.
    fn script(self, keylint: &Path) -> Vec<u8> {
        let (kept, scan) = match self {
            Self::PreCommit => (PRE_COMMIT_KEPT, PRE_COMMIT),
            Self::PrePush => (PRE_PUSH_KEPT, PRE_PUSH),
        };
        let keylint = quoted(keylint.as_os_str().as_encoded_bytes());
        [
            BEGINNING.as_bytes(),
            b"keylint=",
            &keylint,
            b"\n",
            kept.as_bytes(),
            FIND.as_bytes(),
            scan.as_bytes(),
        ]
        .concat()
    }
}

/// Runs the command. An error is something that kept it from doing all of it.
pub(crate) fn run(action: &HookAction, out: &mut dyn Write) -> anyhow::Result<Status> {
    let folder = git::hooks_directory(&git::open()?)?;
    match action {
        HookAction::Install { pre_push } => {
            let keylint = env::current_exe().context("keylint does not know where it lies")?;
            fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
            let wanted = |hook: &Hook| *hook == Hook::PreCommit || *pre_push;
            for hook in Hook::ALL.into_iter().filter(wanted) {
                install(&folder.join(hook.name()), &hook.script(&keylint), out)?;
            }
        }
        HookAction::Uninstall => {
            for hook in Hook::ALL {
                uninstall(&folder.join(hook.name()), out)?;
            }
        }
    }
    Ok(Status::Clean)
}

fn install(hook: &Path, script: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    let kept = kept(hook);
    let at = |path: &Path| path.display().to_string();
    let displaces = exists(hook) && !is_ours(hook);
    if displaces && exists(&kept) {
        bail!(
            "{} and {} are both there, and neither is keylint's: remove one",
            at(hook),
            at(&kept)
        );
    }
    let folder = hook.parent().expect("a hook lies in a directory");
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(|| at(folder))?;
    file.write_all(script).with_context(|| at(hook))?;
    make_executable(file.path()).with_context(|| at(hook))?;
    if displaces {
        fs::rename(hook, &kept).with_context(|| at(hook))?;
    }
    if let Err(error) = file.persist(hook) {
        if displaces {
            fs::rename(&kept, hook).with_context(|| at(&kept))?;
        }
        return Err(error.error).with_context(|| at(hook));
    }
    writeln!(out, "installed {}", escape(&at(hook)))?;
    if exists(&kept) {
        writeln!(out, "  the hook that was there runs before it: {}", escape(&at(&kept)))?;
    }
    Ok(())
}

fn uninstall(hook: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let kept = kept(hook);
    let at = |path: &Path| path.display().to_string();
    match (is_ours(hook), exists(&kept)) {
        (true, true) => {
            fs::rename(&kept, hook).with_context(|| at(&kept))?;
            writeln!(out, "restored {}", escape(&at(hook)))?;
        }
        (true, false) => {
            fs::remove_file(hook).with_context(|| at(hook))?;
            writeln!(out, "removed {}", escape(&at(hook)))?;
        }
        (false, true) => bail!(
            "{} was there before keylint, but {} is not keylint's any more: nothing was done",
            at(&kept),
            at(hook)
        ),
        (false, false) => writeln!(out, "not installed: {}", escape(&at(hook)))?,
    }
    Ok(())
}

fn kept(hook: &Path) -> PathBuf {
    let mut name = OsString::from(hook);
    name.push(KEPT);
    name.into()
}

/// Whether there is an entry, be it a link that leads nowhere.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether keylint wrote the file. What a link leads to is others', too, so a link is not.
fn is_ours(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
        && fs::read(path).is_ok_and(|script| script.starts_with(BEGINNING.as_bytes()))
}

/// As one word of a shell's.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut word = vec![b'\''];
    for &byte in bytes {
        match byte {
            b'\'' => word.extend_from_slice(br"'\''"),
            _ => word.push(byte),
        }
    }
    word.push(b'\'');
    word
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_it_holds() {
        assert_eq!(quoted(b"/a b/$c"), b"'/a b/$c'");
        assert_eq!(quoted(b"it's"), br"'it'\''s'");
    }
}
