//! Files of one kind in a folder, named after the moment at which each was made.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use gangway_domain::time::VenueTime;
use jiff::{Timestamp, civil, tz::TimeZone};

/// How a moment stands in a name: later ones sort behind.
const MOMENT: &str = "%Y%m%dT%H%M%SZ";

/// Such files.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// Where they are.
    pub(crate) dir: PathBuf,
    /// How their names begin; nobody else's files in the folder do.
    pub(crate) prefix: String,
    /// How they end.
    pub(crate) suffix: &'static str,
}

/// A moment for the name of a file: `20261124T150405Z`.
pub(crate) fn compact(moment: VenueTime) -> String {
    let moment = Timestamp::from_millisecond(moment.0).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.strftime(MOMENT).to_string()
}

fn parse(text: &str) -> Option<VenueTime> {
    let moment = civil::DateTime::strptime(MOMENT, text).ok()?.to_zoned(TimeZone::UTC).ok()?;
    // What is read otherwise than it is written is another file's name.
    let moment = VenueTime(moment.timestamp().as_millisecond());
    (compact(moment) == text).then_some(moment)
}

impl Series {
    /// The file of `moment`.
    pub(crate) fn file(&self, moment: VenueTime) -> PathBuf {
        self.dir.join(format!("{}{}{}", self.prefix, compact(moment), self.suffix))
    }

    /// The moments of which there is a file, the oldest first.
    pub(crate) fn moments(&self) -> io::Result<Vec<VenueTime>> {
        let mut moments = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let text = name.to_str().and_then(|name| name.strip_prefix(&self.prefix)?.strip_suffix(self.suffix));
            moments.extend(text.and_then(parse));
        }
        moments.sort();
        Ok(moments)
    }

    /// Deletes all but the newest `keep`; says how many went.
    pub(crate) fn keep(&self, keep: usize) -> io::Result<usize> {
        let moments = self.moments()?;
        let old = &moments[..moments.len().saturating_sub(keep)];
        for moment in old {
            fs::remove_file(self.file(*moment))?;
        }
        Ok(old.len())
    }
}

/// Removes what a server that was killed left behind in `dir`, under names that begin with `part` and that nobody else
/// gives there.
pub(crate) fn sweep(dir: &Path, part: &str) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(part) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
