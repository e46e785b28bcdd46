//! A copy becomes the venue. What was there is kept beside it, and at every moment the folder holds either the old
//! venue, the new one, or a mark that keeps servers away.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use gangway_domain::time::VenueTime;

use super::{
    BackupError, checked,
    place::{place, sync_folder, temporary},
    series::{compact, sweep},
};
use crate::{
    clock::{Clock, RandomIds, RealMachine, VenueClock},
    execute::{self, Ports},
    folder::{Folder, UNFINISHED},
    store::{
        Head, Progress, Store, StoreError,
        sqlite::{self, SqliteStore},
    },
};

/// How the new venue is called until it is done.
const PART: &str = ".gangway-restore-";

/// How a copy is put back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Restoring {
    /// Take a copy even where it is not what its log says.
    pub unchecked: bool,
    /// Put it also in the place of another venue, whose desks it will not know.
    pub other_venue: bool,
}

/// A venue that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Where it stands, in its new epoch.
    pub head: Head,
    /// Where the venue that was there is kept, if there was one.
    pub kept_in: Option<PathBuf>,
    /// Who may call is what the copy says: whoever was removed since is back, whoever was paired since is not.
    pub devices_of_copy: bool,
}

/// Makes the copy in `file` the venue in the folder `data_dir`, with a new epoch.
///
/// # Errors
/// A server uses the folder, the copy is none that can be used, or the disk refused. The folder is as it was, or a server
/// refuses it until this has been done again.
pub fn restore(file: &Path, data_dir: &Path, how: Restoring, progress: Progress<'_>) -> Result<Restored, BackupError> {
    file.metadata().map_err(BackupError::disk(file, "can't be read"))?;
    let folder = Folder::open(data_dir)?;
    let venue = folder.file(sqlite::FILE);
    let is_itself = fs::canonicalize(file).is_ok_and(|file| fs::canonicalize(&venue).is_ok_and(|venue| venue == file));
    if is_itself {
        return Err(BackupError::Folder(format!("{} is the venue itself and no copy of it.", file.display())));
    }
    if !how.unchecked {
        checked(file, file, progress)?;
    }
    // One that was killed left it; nobody else has the folder's lock.
    sweep(folder.path(), PART).map_err(BackupError::disk(folder.path(), "can't be tidied"))?;
    let temporary = temporary(folder.path(), PART)?;
    let head = sqlite::copy(file, temporary.path(), progress).map_err(BackupError::store(file))?;
    // A venue that can't be read any more is what is restored.
    let there = sqlite::venue_id(&venue).ok();
    let is_same = there.as_ref() == Some(&head.venue_id);
    if let Some(id) = there.filter(|_| !is_same && !how.other_venue) {
        return Err(BackupError::Folder(format!(
            "The copy is of another venue ({}) than the one that is there ({id}); --force puts it there all the same.",
            head.venue_id
        )));
    }
    let head = begin_epoch(temporary.path(), head.last_time).map_err(BackupError::store(file))?;
    let devices_are_kept = is_same && sqlite::carry_devices(&venue, temporary.path()).is_ok();
    let kept_in = keep_aside(&folder, &venue)?;
    let mark = folder.file(UNFINISHED);
    if kept_in.is_some() {
        let marked = File::create(&mark).and_then(|mark| mark.sync_all());
        marked.map_err(BackupError::disk(&mark, "can't be written"))?;
        sync_folder(folder.path())?;
        // A log beside the file would be taken for the new one's.
        for file in beside(&venue) {
            remove(&file)?;
        }
    }
    place(temporary, &venue, true)?;
    remove(&mark)?;
    sync_folder(folder.path())?;
    Ok(Restored { head, kept_in, devices_of_copy: !devices_are_kept })
}

fn remove(file: &Path) -> Result<(), BackupError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(BackupError::disk(file, "can't be removed")(error))
        }
        _ => Ok(()),
    }
}

/// What SQLite has beside the file.
fn beside(venue: &Path) -> [PathBuf; 3] {
    ["-wal", "-shm", "-journal"].map(|ending| {
        let mut name = venue.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    })
}

/// Brings the copy up to date and gives it its new epoch.
fn begin_epoch(copy: &Path, last_time: VenueTime) -> Result<Head, StoreError> {
    let mut store = SqliteStore::open_existing(copy)?;
    let clock = Arc::new(VenueClock::new(RealMachine::default(), last_time));
    let head = execute::start_restored(&mut store, &Ports { clock, ids: Arc::new(RandomIds) })?;
    store.close()?;
    Ok(head)
}

/// Keeps the venue that is there under a second name in a folder of its own; says where.
fn keep_aside(folder: &Folder, venue: &Path) -> Result<Option<PathBuf>, BackupError> {
    let files: Vec<PathBuf> =
        [venue.to_owned()].into_iter().chain(beside(venue)).filter(|file| file.exists()).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let now = VenueClock::new(RealMachine::default(), VenueTime(0)).now();
    let kept_in = free_name(folder, &compact(now));
    fs::create_dir(&kept_in).map_err(BackupError::disk(&kept_in, "can't be made"))?;
    for file in &files {
        let Some(name) = file.file_name() else { continue };
        let kept = kept_in.join(name);
        // A second name costs nothing; some disks know none.
        let linked = fs::hard_link(file, &kept).or_else(|_| {
            fs::copy(file, &kept)?;
            File::open(&kept)?.sync_all()
        });
        linked.map_err(BackupError::disk(&kept, "can't be written"))?;
    }
    sync_folder(&kept_in)?;
    sync_folder(folder.path())?;
    Ok(Some(kept_in))
}

fn free_name(folder: &Folder, moment: &str) -> PathBuf {
    let name = |more: &str| folder.file(&format!("replaced-{moment}{more}"));
    let numbered = (2..).map(|number| name(&format!("-{number}")));
    [name("")].into_iter().chain(numbered).find(|path| !path.exists()).unwrap_or_else(|| name("-more"))
}
