//! The window's TypeScript types are those of the wire. `UPDATE_BINDINGS=1 cargo test -p gangway-domain
//! bindings` writes them.

use std::{fs, path::Path};

use gangway_domain::{
    curves::DaySeries, figures::DashboardStats, performance::PerformanceMetrics, queue::QueueDisplay, wire,
};
use ts_rs::{Config, TS};

#[test]
fn the_generated_types_of_the_window_are_not_stale() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/ipc/bindings");
    let fresh = tempfile::tempdir().expect("a folder");
    let config = Config::default().with_out_dir(fresh.path()).with_large_int("number");
    wire::player_session::PlayerSession::export_all(&config).expect("written");
    wire::product::Product::export_all(&config).expect("written");
    wire::settings::SystemSettings::export_all(&config).expect("written");
    wire::transaction::TransactionWithRelations::export_all(&config).expect("written");
    wire::transaction::Transaction::export_all(&config).expect("written");
    DashboardStats::export_all(&config).expect("written");
    PerformanceMetrics::export_all(&config).expect("written");
    DaySeries::export_all(&config).expect("written");
    QueueDisplay::export_all(&config).expect("written");
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        fs::create_dir_all(&root).expect("a folder");
        for (name, text) in files(fresh.path()) {
            fs::write(root.join(name), text).expect("written");
        }
    }
    let (committed, generated) = (files(&root), files(fresh.path()));
    let stale: Vec<_> = generated.iter().filter(|file| !committed.contains(file)).map(|(name, _)| name).collect();
    assert!(stale.is_empty(), "stale: {stale:?}; run UPDATE_BINDINGS=1 cargo test -p gangway-domain bindings");
    assert_eq!(committed.len(), generated.len(), "a file there is of no type");
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect();
    files.sort();
    files
}
