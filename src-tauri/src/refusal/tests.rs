use std::{collections::BTreeSet, fs, path::Path};

use gangway_console::{ConsoleError, Notice, OpenError, Problem, outbox::UNREAD_CODES};
use gangway_domain::{decide::Flag, noticed::Noticed, rejection::Rejection};
use strum::VariantNames;

use super::Code;

/// The texts of a section of the window's catalogue, in one language: its files hold a section as a field of one
/// object, and a text as a field of that, each on a line of its own.
fn texts(language: &str, section: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/src/lib/i18n").join(language);
    let mut keys = BTreeSet::new();
    for file in fs::read_dir(&folder).expect("the catalogue") {
        let text = fs::read_to_string(file.expect("a file").path()).expect("text");
        let lines = text.lines().skip_while(|line| *line != format!("  {section}: {{")).skip(1);
        keys.extend(lines.take_while(|line| *line != "  },").filter_map(key));
    }
    assert!(!keys.is_empty(), "{language} has no section {section}");
    keys
}

fn key(line: &str) -> Option<String> {
    let (key, _) = line.strip_prefix("    ")?.split_once(':')?;
    key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| key.to_owned())
}

fn said<'a>(section: &str, codes: impl IntoIterator<Item = &'a str>) {
    let codes: Vec<&str> = codes.into_iter().collect();
    assert!(codes.len() > 1, "{section}");
    for language in ["en", "es"] {
        let texts = texts(language, section);
        let silent: Vec<_> = codes.iter().filter(|code| !texts.contains(**code)).collect();
        assert!(silent.is_empty(), "{section} says nothing in {language} for {silent:?}");
    }
}

#[test]
fn the_window_has_words_for_everything_that_can_be_refused() {
    let venue = Rejection::codes().iter().copied();
    let desk = ConsoleError::codes().chain(OpenError::codes()).chain(UNREAD_CODES);
    said("rejection", venue.chain(desk).chain(Code::VARIANTS.iter().copied()));
}

#[test]
fn the_window_has_words_for_what_the_server_refused_afterwards() {
    said("why", Rejection::codes().iter().copied().chain(UNREAD_CODES));
}

#[test]
fn the_window_has_words_for_what_is_hardly_possible_noticed_wrong_or_put_right() {
    said("flag", Flag::names().iter().copied());
    said("remark", Noticed::codes().iter().copied());
    said("problem", Problem::codes().iter().copied());
    said("notice", Notice::codes().iter().copied());
}
