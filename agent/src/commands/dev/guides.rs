//! Commands in the documents against the parser that would read them: an option that was renamed, or never was,
//! is found also where a command needs a network or a GPU and cannot be run.

use clap::Parser;

use crate::Arguments;

/// Words as a shell would cut them, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in line.chars() {
        match quote {
            Some(mark) if letter == mark => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if letter == '#' && words.last().is_some_and(String::is_empty) => break,
            None if letter == ' ' => words.push(String::new()),
            _ => words.last_mut().expect("there is always one").push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Lines of code blocks that call the program, cut off where a shell would hand over to another.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut is_inside = false;
    let mut commands = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        if line.starts_with("```") {
            is_inside = !is_inside;
            continue;
        }
        let line = line.trim().trim_start_matches("target/release/");
        if is_inside && line.starts_with("foretune ") {
            let ends = [">", "|", "||", "&&", "&", ";"];
            commands
                .push(words(line).into_iter().take_while(|word| !ends.contains(&word.as_str())).collect());
        }
    }
    commands
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads the documents of the repository")]
fn every_command_in_the_documents_is_one() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = vec![root.join("README.md")];
    for folder in ["docs", "docs/guides"] {
        paths.extend(std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut count = 0;
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        for command in commands(&std::fs::read_to_string(path).unwrap()) {
            count += 1;
            // Asking for help or the version is answered as an error, too.
            if let Err(error) = Arguments::try_parse_from(&command)
                && error.use_stderr()
            {
                panic!("{}: {}\n{error}", path.display(), command.join(" "));
            }
        }
    }
    assert!(count > 30, "{count} commands");
}
