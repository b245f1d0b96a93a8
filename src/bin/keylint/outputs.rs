//! Where reports go: standard output, or files that are replaced whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ArgMatches;
use keylint::config::values::Format;
use tempfile::NamedTempFile;

use crate::args::ReportArgs;

/// One report to write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its format.
    pub(crate) format: Format,
    /// Where it goes.
    pub(crate) place: Place,
}

/// Where a report goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard output.
    Stdout,
    /// The file at this path, as typed.
    File(PathBuf),
}

/// Who may read a report that is a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// As for any file: what the umask leaves.
    Anyone,
    /// The owner, because secrets stand in it.
    Owner,
}

/// The reports that were asked for: `format` is for one whose format was not.
pub(crate) fn targets(
    args: &ReportArgs,
    matches: &ArgMatches,
    format: Format,
) -> anyhow::Result<Vec<Target>> {
    fn placed<'a, T>(
        matches: &'a ArgMatches,
        id: &str,
        values: &'a [T],
    ) -> impl Iterator<Item = (usize, &'a T)> {
        matches.indices_of(id).into_iter().flatten().zip(values)
    }
    let formats: Vec<_> = placed(matches, "format", &args.format).map(|(at, f)| (at, *f)).collect();
    let outputs: Vec<_> =
        placed(matches, "output", &args.output).map(|(at, path)| (at, path.as_path())).collect();
    // A report whose format was not given has that of its file's name.
    let by_name = match &outputs[..] {
        [(_, path)] if formats.is_empty() => format_of(path),
        _ => None,
    };
    let targets = pair(&formats, &outputs, by_name.unwrap_or(format))?;
    for (index, target) in targets.iter().enumerate() {
        if targets[..index].iter().any(|other| other.place == target.place) {
            match &target.place {
                Place::Stdout => bail!(
                    "two reports on standard output cannot be told apart: give one of them an --output"
                ),
                Place::File(path) => bail!("two reports for one file: {}", path.display()),
            }
        }
    }
    Ok(targets)
}

/// The format that a file's name ends with.
fn format_of(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?;
    Format::ALL.into_iter().find(|format| format.as_str() == extension)
}

/// Joins formats and outputs, given with their places on the command line.
fn pair(
    formats: &[(usize, Format)],
    outputs: &[(usize, &Path)],
    default: Format,
) -> anyhow::Result<Vec<Target>> {
    let formats = if formats.is_empty() { &[(0, default)] } else { formats };
    if outputs.len() > formats.len() {
        bail!("{} --output for {} report(s): give each its --format", outputs.len(), formats.len());
    }
    let mut places: Vec<Option<Place>> = formats.iter().map(|_| None).collect();
    for (nth, (at, path)) in outputs.iter().enumerate() {
        let index = if outputs.len() == formats.len() {
            nth
        } else {
            formats.iter().rposition(|(before, _)| before < at).unwrap_or(0)
        };
        let place =
            if *path == Path::new("-") { Place::Stdout } else { Place::File(path.to_path_buf()) };
        if places[index].replace(place).is_some() {
            bail!("two --output for one --format: {}", path.display());
        }
    }
    let places = places.into_iter().map(|place| place.unwrap_or(Place::Stdout));
    Ok(formats.iter().zip(places).map(|(&(_, format), place)| Target { format, place }).collect())
}

/// Says before the scan, rather than after it, that a report could not be written to `path`.
///
/// The temporary file is made to see that it can be, and goes again at once: left to stand, it would be scanned when
/// it lies in the tree, and it would stay when the process is killed.
pub(crate) fn probe(path: &Path) -> anyhow::Result<()> {
    let attempt = || -> io::Result<()> {
        match Destination::of(path)? {
            Destination::Stream => Ok(()),
            Destination::Replaced { path, .. } => temporary_beside(&path, Readers::Owner).map(drop),
        }
    };
    attempt().with_context(|| cannot_write(path))
}

/// Writes the file at `path` whole or not at all: readers see the old report or the new one. What is no regular file,
/// such as a FIFO or `/dev/stderr`, is written to as it is.
pub(crate) fn write(
    path: &Path,
    readers: Readers,
    report: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let attempt = || -> io::Result<()> {
        match Destination::of(path)? {
            Destination::Stream => {
                let mut out = BufWriter::new(File::options().write(true).open(path)?);
                report(&mut out)?;
                out.flush()
            }
            Destination::Replaced { path, permissions } => {
                let mut out = BufWriter::new(temporary_beside(&path, readers)?);
                report(&mut out)?;
                let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                if let Some(permissions) = permissions {
                    file.as_file().set_permissions(permissions)?;
                }
                file.persist(&path)?;
                Ok(())
            }
        }
    };
    attempt().with_context(|| cannot_write(path))
}

fn cannot_write(path: &Path) -> String {
    format!("{}: the report cannot be written", path.display())
}

enum Destination {
    /// Written to as it is.
    Stream,
    /// A regular file, or nothing yet; a link stands for what it leads to.
    Replaced { path: PathBuf, permissions: Option<fs::Permissions> },
}

impl Destination {
    fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(metadata) if metadata.is_file() => Ok(Self::Replaced {
                path: path.canonicalize()?,
                permissions: Some(metadata.permissions()),
            }),
            Ok(_) => Ok(Self::Stream),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(io::Error::new(error.kind(), "a link that leads nowhere"));
                }
                Ok(Self::Replaced { path: path.into(), permissions: None })
            }
            Err(error) => Err(error),
        }
    }
}

fn temporary_beside(path: &Path, readers: Readers) -> io::Result<NamedTempFile> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".keylint-").suffix(".tmp");
    #[cfg(unix)]
    if readers == Readers::Anyone {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // The temporary's own name, which `tempfile` would add, says nothing to the user.
    builder.tempfile_in(directory).map_err(|error| {
        error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paired(line: &str) -> Result<String, String> {
        let mut formats = Vec::new();
        let mut outputs = Vec::new();
        for (at, word) in line.split_whitespace().enumerate() {
            match Format::ALL.into_iter().find(|format| format.as_str() == word) {
                Some(format) => formats.push((at, format)),
                None => outputs.push((at, Path::new(word))),
            }
        }
        let targets = pair(&formats, &outputs, Format::Text).map_err(|error| error.to_string())?;
        let shown = targets.iter().map(|target| match &target.place {
            Place::Stdout => format!("{}→stdout", target.format.as_str()),
            Place::File(path) => format!("{}→{}", target.format.as_str(), path.display()),
        });
        Ok(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn formats_and_outputs_are_paired() {
        for (line, expected) in [
            ("", "text→stdout"),
            ("a", "text→a"),
            ("-", "text→stdout"),
            ("json", "json→stdout"),
            ("json a", "json→a"),
            ("a json", "json→a"),
            ("json a sarif b", "json→a sarif→b"),
            ("json sarif a b", "json→a sarif→b"),
            ("a json b sarif", "json→a sarif→b"),
            ("text json a", "text→stdout json→a"),
            ("json a text", "json→a text→stdout"),
            ("text - json a", "text→stdout json→a"),
        ] {
            assert_eq!(paired(line).as_deref(), Ok(expected), "{line}");
        }
        assert!(paired("a b").unwrap_err().contains("2 --output for 1 report"));
        assert!(paired("text json sarif a b").unwrap_err().contains("two --output for one"));
    }

    #[test]
    fn a_report_that_fails_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::write(&path, "old").unwrap();
        write(&path, Readers::Anyone, |out| {
            out.write_all(b"half of the new one")?;
            Err(io::Error::other("no more"))
        })
        .unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_survive_and_secrets_stay_with_the_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777
        };
        let put = |name: &str, readers| {
            write(&folder.path().join(name), readers, |out| out.write_all(b"new")).unwrap();
        };
        fs::write(folder.path().join("old"), "old").unwrap();
        fs::set_permissions(folder.path().join("old"), fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("old", folder.path().join("link")).unwrap();
        put("link", Readers::Anyone);
        assert_eq!(fs::read_to_string(folder.path().join("old")).unwrap(), "new");
        assert_eq!(mode("old"), 0o640);
        assert!(fs::symlink_metadata(folder.path().join("link")).unwrap().is_symlink());
        put("secret", Readers::Owner);
        assert_eq!(mode("secret"), 0o600);
    }
}
