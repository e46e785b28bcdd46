//! The orders that look after a venue: back up, restore, verify, and the list for paper.

use std::{
    cell::Cell,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use gangway_server::{
    backup::{self, BackingUp, BackupError, Restoring},
    bailout,
    store::Stage,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{Failure, folder};

/// A venue larger than this is worth a word every tenth of it.
const WORDS_FROM: u64 = 64 << 20;
/// As many rows or events.
const WORDS_FROM_ROWS: u64 = 200_000;

#[derive(clap::Args)]
pub(crate) struct Backup {
    /// Where the copy goes.
    file: PathBuf,
    /// The folder that holds the venue.
    #[arg(long, env = "GANGWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Replace a file of that name.
    #[arg(long)]
    force: bool,
    /// Copy also what is not what its log says.
    #[arg(long)]
    unchecked: bool,
}

#[derive(clap::Args)]
pub(crate) struct Restore {
    /// The copy.
    file: PathBuf,
    /// The folder that holds the venue.
    #[arg(long, env = "GANGWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Put it in the place of another venue.
    #[arg(long)]
    force: bool,
    /// Take also a copy that is not what its log says.
    #[arg(long)]
    unchecked: bool,
}

#[derive(clap::Args)]
pub(crate) struct Verify {
    /// A copy; the venue itself where none is named.
    file: Option<PathBuf>,
    /// The folder that holds the venue.
    #[arg(long, env = "GANGWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Bailout {
    /// Where the list goes; stdout where no file is named.
    file: Option<PathBuf>,
    /// The folder that holds the venue.
    #[arg(long, env = "GANGWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Replace a file of that name.
    #[arg(long)]
    force: bool,
}

/// Shortest time between two copies or lists.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The longest.
const INTERVAL_MAX: Duration = Duration::from_secs(366 * 86_400);

/// Reads a length of time such as `30m` or `6h`.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|length| Duration::try_from(length).ok());
    let possible = parsed.filter(|length| (INTERVAL_MIN..=INTERVAL_MAX).contains(length));
    possible.ok_or_else(|| "it has to be a length of time from 1s to a year, such as 30m or 6h".to_owned())
}

/// Reads how many copies to keep.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    let possible = text.parse().ok().filter(|count| (1..=100_000).contains(count));
    possible.ok_or_else(|| "it has to be a number from 1 to 100000".to_owned())
}

impl Bailout {
    /// Writes the list.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let venue = backup::venue_file(&folder(self.data_dir)?);
        let refused = |error: BackupError| Failure::fault(error.to_string());
        let list = bailout::list_of(&venue).map_err(refused)?;
        match self.file {
            Some(file) => bailout::write(&list, &file, self.force).map_err(refused),
            None => {
                let written = std::io::stdout().lock().write_all(&list);
                written.map_err(|error| Failure::fault(format!("Stdout can't be written to: {error}.")))
            }
        }
    }
}

impl Backup {
    /// Makes the copy, and says what it is.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let venue = backup::venue_file(&folder(self.data_dir)?);
        let how = BackingUp { overwrite: self.force, unchecked: self.unchecked };
        let made = with_words(|progress| backup::back_up(&venue, &self.file, how, progress))?;
        say(&json!({
            "backup": path(&self.file), "bytes": made.bytes, "venueId": made.head.venue_id,
            "epoch": made.head.epoch.0, "seq": made.head.seq, "stateHash": made.head.state_hash.to_hex(),
        }))
    }
}

impl Restore {
    /// Puts the copy back, and says what the venue is now.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let data_dir = folder(self.data_dir)?;
        let how = Restoring { unchecked: self.unchecked, other_venue: self.force };
        let restored = with_words(|progress| backup::restore(&self.file, &data_dir, how, progress))?;
        let base = restored.head.epoch_base.map(|base| json!({ "epoch": base.epoch.0, "seq": base.seq }));
        say(&json!({
            "restored": path(&data_dir), "venueId": restored.head.venue_id, "epoch": restored.head.epoch.0,
            "epochBase": base, "seq": restored.head.seq, "keptIn": restored.kept_in.as_deref().map(path),
            "devicesOfCopy": restored.devices_of_copy,
        }))
    }
}

impl Verify {
    /// Says what the venue turned out to be.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let file = match self.file {
            Some(file) => file,
            None => backup::venue_file(&folder(self.data_dir)?),
        };
        let verdict = with_words(|progress| backup::verify(&file, progress))?;
        let findings = verdict.findings.iter().map(|finding| {
            let row = finding.row.as_ref().map(|(collection, id)| json!({ "collection": collection.name(), "id": id }));
            json!({ "row": row, "sentence": finding.sentence })
        });
        say(&json!({
            "verified": path(&file), "ok": verdict.found == 0, "venueId": verdict.head.venue_id,
            "epoch": verdict.head.epoch.0, "seq": verdict.head.seq, "stateHash": verdict.head.state_hash.to_hex(),
            "events": verdict.events, "rows": verdict.rows, "found": verdict.found,
            "findings": findings.collect::<Vec<_>>(),
        }))?;
        if verdict.found == 0 {
            return Ok(());
        }
        for finding in &verdict.findings {
            eprintln!("{}", finding.sentence);
        }
        let sentence = format!("{} is not what its log says: found {}.", file.display(), verdict.found);
        Err(Failure::fault(sentence))
    }
}

fn path(path: &Path) -> Value {
    json!(path.to_string_lossy())
}

/// One line on stdout, for programs.
fn say(line: &Value) -> Result<(), Failure> {
    crate::say(line).map_err(|error| Failure::fault(format!("Stdout can't be written to: {error}.")))
}

/// Does what may take long with a word on stderr about each tenth of it.
fn with_words<T>(work: impl FnOnce(&dyn Fn(Stage, u64, u64) -> bool) -> Result<T, BackupError>) -> Result<T, Failure> {
    let told = Cell::new((Stage::Copying, 0));
    let progress = |stage, done: u64, total: u64| {
        let least = if stage == Stage::Copying { WORDS_FROM } else { WORDS_FROM_ROWS };
        let tenth = done * 10 / total.max(1);
        if total >= least && told.get() != (stage, tenth) {
            told.set((stage, tenth));
            eprintln!("{}{}", tenth * 10, stage_words(stage));
        }
        true
    };
    work(&progress).map_err(|error| Failure::fault(error.to_string()))
}

fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Copying => " % copied.",
        Stage::Replaying => " % of the log replayed.",
        Stage::Comparing => " % of the rows compared.",
    }
}
