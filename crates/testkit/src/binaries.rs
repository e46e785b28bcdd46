//! The programs under test, built from what is in the tree now.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The root of the workspace.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The path of a program of the workspace: next to the running test or program, in its profile. Server and
/// console are built first, once a test run, so that no test looks at an older program.
///
/// # Panics
/// It can't be built, or is not there.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--workspace", "--bin", "gangway-server", "--bin", "gangway-console"]);
        let built = build.current_dir(workspace_root()).status();
        assert!(built.is_ok_and(|status| status.success()), "the programs under test can't be built");
    });
    let running = std::env::current_exe().expect("a program has a path");
    // target/PROFILE/deps/test, or target/PROFILE/torture
    let path = running.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    path.unwrap_or_else(|| panic!("{name} is not there: cargo build --workspace --bins"))
}
