//! `keylint generate`: the man page, completions and schemas, from the definitions that the program itself runs on.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use keylint::report;

use crate::args::{Artifact, Cli, GenerateArgs, SchemaFormat};
use crate::exit::Status;

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs, out: &mut dyn Write) -> anyhow::Result<Status> {
    match args.artifact {
        Artifact::Man => man(out)?,
        Artifact::Completions { shell } => {
            // Not straight to `out`: clap_complete panics when its writer fails.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "keylint", &mut script);
            out.write_all(&script)?;
        }
        Artifact::Schema { format } => {
            let schema = match format {
                SchemaFormat::Json => report::json::schema(),
                SchemaFormat::Jsonl => report::jsonl::schema(),
            };
            serde_json::to_writer_pretty(&mut *out, &schema).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(Status::Clean)
}

/// One page for the command and all its subcommands, so that `man keylint` answers everything.
fn man(out: &mut dyn Write) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    let top = Man::new(command.clone()).manual("keylint manual");
    top.render_title(out)?;
    top.render_name_section(out)?;
    top.render_synopsis_section(out)?;
    top.render_description_section(out)?;
    for subcommand in command.get_subcommands() {
        subcommand_section(subcommand, out)?;
        for nested in subcommand.get_subcommands() {
            subcommand_section(nested, out)?;
        }
    }
    let mut notes = Vec::new();
    top.render_extra_section(&mut notes)?;
    out.write_all(retitled(&notes, ".SH").as_bytes())?;
    top.render_version_section(out)
}

/// A subcommand as a section, with what would be the sections of a page of its own below it.
fn subcommand_section(command: &Command, out: &mut dyn Write) -> io::Result<()> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let page = Man::new(command.clone());
    let mut sections = Vec::new();
    page.render_synopsis_section(&mut sections)?;
    page.render_description_section(&mut sections)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        page.render_options_section(&mut sections)?;
    }
    if command.get_after_help().is_some() {
        page.render_extra_section(&mut sections)?;
    }
    writeln!(out, ".SH \"{}\"", name.to_uppercase())?;
    out.write_all(retitled(&sections, ".SS").as_bytes())
}

/// The roff of sections with another macro for their headings, and a name for what `clap_mangen` calls "extra".
fn retitled(sections: &[u8], heading: &str) -> String {
    let lines = String::from_utf8_lossy(sections);
    let retitled = lines.lines().map(|line| match line.strip_prefix(".SH ") {
        Some("EXTRA") => format!("{heading} NOTES\n"),
        Some(title) => format!("{heading} {title}\n"),
        None => format!("{line}\n"),
    });
    retitled.collect()
}
