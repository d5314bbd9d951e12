//! The reference of commands, from the same descriptions that `--help` shows.

use clap::{Arg, ArgAction, Command, CommandFactory};

pub fn markdown() -> String {
    let program = crate::Arguments::command();
    let mut text = "# Commands\n\nWhat the help of each command says, written by `just docs`. Exit codes: 0 fine, 1 the answer \
                    is \"no\", 2 it could not be done.\n"
        .to_owned();
    for command in visible(&program) {
        describe(&mut text, "foretune", command);
    }
    text
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn describe(text: &mut String, parent: &str, command: &Command) {
    let name = format!("{parent} {}", command.get_name());
    *text += &format!("\n## `{name}`\n");
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        *text += &format!("\n{about}\n");
    }
    let arguments: Vec<&Arg> = command.get_arguments().filter(|argument| is_shown(argument)).collect();
    if !arguments.is_empty() {
        *text += "\n| | |\n|---|---|\n";
    }
    for argument in arguments {
        *text += &format!("| `{}` | {} |\n", spelling(argument), meaning(argument));
    }
    for inner in visible(command) {
        describe(text, &name, inner);
    }
}

fn is_shown(argument: &Arg) -> bool {
    !argument.is_hide_set() && !matches!(argument.get_action(), ArgAction::Help | ArgAction::HelpLong)
}

/// As it is typed.
fn spelling(argument: &Arg) -> String {
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    let names = argument.get_value_names().unwrap_or_default();
    let value = names.iter().map(ToString::to_string).collect::<Vec<String>>().join(" ");
    let is_repeated = matches!(argument.get_action(), ArgAction::Append) && !value.ends_with('…');
    let repeated = if is_repeated { "…" } else { "" };
    let spelt = match (argument.get_long(), argument.get_short()) {
        (Some(long), Some(short)) => format!("-{short}, --{long}"),
        (Some(long), None) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => return format!("{value}{repeated}"),
    };
    if takes_value { format!("{spelt} {value}{repeated}") } else { spelt }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut parts = vec![help.split_whitespace().collect::<Vec<&str>>().join(" ")];
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    let possible: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| takes_value && !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !possible.is_empty() {
        parts.push(format!("One of {}.", possible.join(", ")));
    }
    let default: Vec<String> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if takes_value && !default.concat().is_empty() {
        parts.push(format!("Default: `{}`.", default.join(" ")));
    }
    parts.retain(|part| !part.is_empty());
    for part in &mut parts {
        if !part.ends_with(['.', '?', '!']) {
            part.push('.');
        }
    }
    parts.join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_option_of_the_help_is_there_and_nothing_hidden() {
        let text = markdown();
        for wanted in ["## `foretune check`", "## `foretune models pull`", "| `--judge ", "| `--threshold "] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
        for unwanted in ["foretune dev", "--as-job", "`--help", "--help`"] {
            assert!(!text.contains(unwanted), "{unwanted}");
        }
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        for row in rows {
            assert!(row.replace("\\|", "").matches('|').count() == 3 && !row.ends_with("|  |"), "{row}");
        }
    }
}
