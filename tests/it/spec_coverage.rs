//! Tables of the documentation name the tests that show what they say: `docs/spec-coverage.md` for each sentence of
//! the specification, `docs/sync.md` for each rule of the protocol, `docs/faults.md` for each fault. Here is the test
//! that those tests exist.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use gangway_testkit::workspace_root;

/// Every test of the tree as its id: `path/of/file.rs::name` or `path/of/file.test.ts::title`.
fn tests() -> BTreeSet<String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace_root())
        .output();
    let listed = String::from_utf8(output.expect("git is installed").stdout).expect("UTF-8");
    let mut found = BTreeSet::new();
    for path in listed.lines() {
        let Ok(source) = fs::read_to_string(workspace_root().join(path)) else { continue };
        if path.ends_with(".rs") {
            found.extend(rust_tests(&source).map(|name| format!("{path}::{name}")));
        } else if path.contains(".test.ts") {
            found.extend(ui_tests(&source).map(|title| format!("{path}::{title}")));
        }
    }
    found
}

/// Functions right under a test attribute.
fn rust_tests(source: &str) -> impl Iterator<Item = String> + '_ {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let mut names = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if *line == "#[test]" || line.starts_with("#[tokio::test") || line.starts_with("#[rstest") {
            let function =
                lines[index + 1..].iter().take(6).find(|line| line.contains("fn ")).copied().unwrap_or_default();
            let name = function.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            names.extend(name.map(str::to_owned));
        }
    }
    names.into_iter()
}

/// Titles of `it("…")` and `test("…")`.
fn ui_tests(source: &str) -> impl Iterator<Item = String> + '_ {
    source.lines().map(str::trim).filter_map(|line| {
        let rest = line.strip_prefix("it(").or_else(|| line.strip_prefix("test("))?;
        let quote = rest.chars().next().filter(|quote| ['"', '\'', '`'].contains(quote))?;
        rest[1..].split(quote).next().map(str::to_owned)
    })
}

/// Checks that each row of the tables in `document` names tests that exist; rows that begin with `head` are headings.
fn check(document: &str, head: &str, at_least: usize) {
    let text = fs::read_to_string(workspace_root().join(Path::new(document))).expect(document);
    let tests = tests();
    let mut rows = 0;
    for line in text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-") && !line.starts_with(head))
    {
        let named: Vec<_> = line.split('`').filter(|part| part.contains("::")).collect();
        assert!(!named.is_empty(), "{document}: no test in: {line}");
        for id in named {
            assert!(tests.contains(id), "{document}: {id} does not exist ({line})");
        }
        rows += 1;
    }
    assert!(rows >= at_least, "{document} has more to show than {rows} things");
}

#[test]
fn each_sentence_of_the_specification_names_tests_that_exist() {
    check("docs/spec-coverage.md", "| Sentence", 60);
}

#[test]
fn each_rule_of_the_protocol_names_tests_that_exist() {
    check("docs/sync.md", "| Rule", 24);
}
