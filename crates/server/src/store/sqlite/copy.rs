//! A copy of a venue as it stands at one moment, while a server writes to it.

use std::{path::Path, thread, time::Duration};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use super::{identify, open_to_read, read::SqliteView, seq};
use crate::store::{Head, Progress, Stage, StoreError, View};

/// Pages between two words about it: a few ms of work.
const STEP_PAGES: i32 = 1_024;
/// Before trying again where somebody else holds a lock.
const PAUSE: Duration = Duration::from_millis(20);
/// Tries in a row; with the pause between, 10 s.
const BUSY_MAX: u32 = 500;

/// Copies the venue in `from` into the empty file `to`, which is one file then, closed in order; says where it stands.
/// It is up to the caller to bring `to` onto the disk.
///
/// # Errors
/// There is no venue in `from`, a disk refused, or `progress` (of bytes) said to end.
pub fn copy(from: &Path, to: &Path, progress: Progress<'_>) -> Result<Head, StoreError> {
    let source = open_to_read(from)?;
    identify(&source, from)?;
    // What is seen from the first read on stays as it is, whatever is committed meanwhile.
    let moment = source.unchecked_transaction()?;
    let head = SqliteView::new(&moment).head()?;
    let mut target = Connection::open(to)?;
    // The caller syncs the whole of it.
    target.pragma_update(None, "synchronous", false)?;
    copy_pages(&moment, &mut target, progress)?;
    // One file, without a log beside it that could be left behind.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    target.execute("UPDATE head SET running = 0", [])?;
    target.close().map_err(|(_, error)| error)?;
    Ok(head)
}

fn copy_pages(source: &Connection, target: &mut Connection, progress: Progress<'_>) -> Result<(), StoreError> {
    let page_bytes = seq(source.pragma_query_value(None, "page_size", |row| row.get(0))?)?;
    let total = page_bytes * seq(source.pragma_query_value(None, "page_count", |row| row.get(0))?)?;
    let tell = |done| if progress(Stage::Copying, done, total) { Ok(()) } else { Err(StoreError::Cancelled) };
    tell(0)?;
    let backup = Backup::new(source, target)?;
    let mut busy = 0;
    loop {
        match backup.step(STEP_PAGES)? {
            StepResult::Done => return Ok(()),
            StepResult::Busy | StepResult::Locked => {
                busy += 1;
                if busy > BUSY_MAX {
                    return Err(StoreError::Busy);
                }
                thread::sleep(PAUSE);
            }
            _ => busy = 0,
        }
        let left = u64::try_from(backup.progress().remaining).unwrap_or(0) * page_bytes;
        tell(total.saturating_sub(left))?;
    }
}
