//! `--config FILE`: the flags of `serve` in a file. The command line comes before the environment, and both before it.

use std::{ffi::OsString, fs, path::Path};

use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};
use toml::{Table, Value};

use crate::{EXIT_USAGE, Failure};

/// What a file can't say: which file it is, and that it is only looked at.
const NOT_IN_A_FILE: [&str; 2] = ["config", "check-config"];

/// `arguments` with what the file says that they name, as far as neither they nor the environment say it.
///
/// # Errors
/// The file can't be read, or says what there is no flag for; one sentence.
pub fn with_file(command: Command, arguments: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    // What is wrong with the arguments themselves is said when they are read for good.
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(&arguments) else {
        return Ok(arguments);
    };
    let Some(("serve", given)) = matches.subcommand() else { return Ok(arguments) };
    let Some(file) = given.get_one::<std::path::PathBuf>("config") else { return Ok(arguments) };
    let Some(serve) = command.find_subcommand("serve") else { return Ok(arguments) };
    let wrong = |what: String| Failure { code: EXIT_USAGE, sentence: format!("{}: {what}", file.display()) };
    let table = read(file).map_err(wrong)?;
    let mut all = arguments;
    for (name, value) in &table {
        let known = serve.get_arguments().find(|arg| arg.get_long() == Some(name.as_str()));
        let known = known.filter(|_| !NOT_IN_A_FILE.contains(&name.as_str()));
        let arg = known.ok_or_else(|| wrong(format!("there is no setting {name:?}.")))?;
        let values = values(arg, value).map_err(wrong)?;
        if !is_said(given, arg) {
            all.extend(values.into_iter().map(OsString::from));
        }
    }
    Ok(all)
}

fn read(file: &Path) -> Result<Table, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("it can't be read: {error}."))?;
    text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!("line {line}: {}.", error.message().trim_end_matches('.').replace('\n', ", "))
    })
}

fn is_said(given: &ArgMatches, arg: &Arg) -> bool {
    let source = given.value_source(arg.get_id().as_str());
    matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

fn values(arg: &Arg, value: &Value) -> Result<Vec<String>, String> {
    let name = arg.get_long().unwrap_or_default();
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let said = |value: &Value| match value {
        Value::String(text) => Some(format!("--{name}={text}")),
        Value::Integer(number) => Some(format!("--{name}={number}")),
        _ => None,
    };
    let values = match value {
        Value::Boolean(on) if is_switch => Some(if *on { vec![format!("--{name}")] } else { Vec::new() }),
        _ if is_switch => None,
        Value::Array(several) if matches!(arg.get_action(), ArgAction::Append) => several.iter().map(said).collect(),
        one => said(one).map(|one| vec![one]),
    };
    values.ok_or_else(|| format!("{name:?} can't be {}.", kind(value)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list of that kind",
        Value::Boolean(_) => "true or false",
        Value::Table(_) => "a table",
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Datetime(_) => "a date",
    }
}
