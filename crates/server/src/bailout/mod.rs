//! The list to run the venue from on paper when nothing else works: who is here, with how much time, until when, and what
//! was paid. A CSV file (RFC 4180, UTF-8 with a mark, so that spreadsheets read the accents) that is always the newest.

mod schedule;

use std::{collections::BTreeMap, io, path::Path};

use gangway_domain::{
    rows::SessionRow,
    session::Status,
    time::{Millis, VenueTime},
    venue::Venue,
};
use jiff::{Timestamp, tz::TimeZone};

pub use self::schedule::Bailouts;
pub(crate) use self::schedule::Schedule;
use crate::{
    backup::{BackupError, place, temporary_beside},
    clock::{Clock, RealMachine, VenueClock},
    dispatcher::mirror::Mirror,
    store::{StoreError, sqlite},
};

/// The first line.
const COLUMNS: [&str; 8] = ["Band", "State", "Minutes left", "Runs out at", "Products", "Paid", "Currency", "As of"];
/// A minute in ms.
const MINUTE_MS: Millis = 60_000;
/// Says that what follows is UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The list of every live visit of `venue` at `now`: who plays first, by when their time runs out.
///
/// # Errors
/// Never in memory; the writer of the format says so.
pub fn list(venue: &Venue, now: VenueTime) -> io::Result<Vec<u8>> {
    let zone = TimeZone::get(&venue.settings().timezone).unwrap_or(TimeZone::UTC);
    let mut sessions: Vec<&SessionRow> = venue.live_sessions().collect();
    sessions.sort_by_key(|session| {
        (session.open_segment.is_none(), session.runs_out_at(), session.barcode_id.as_str().to_owned())
    });
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(MARK.to_vec());
    csv.write_record(COLUMNS)?;
    for session in sessions {
        let (products, paid) = bought(venue, session);
        csv.write_record([
            &plain(session.barcode_id.as_str()),
            state(session, now),
            &(session.remaining_ms(now) / MINUTE_MS).to_string(),
            &session.runs_out_at().map(|moment| local(moment, &zone)).unwrap_or_default(),
            &plain(&products),
            &paid,
            &venue.settings().currency,
            &local(now, &zone),
        ])?;
    }
    csv.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// The list of the venue in the file `venue`, whether or not it is served.
///
/// # Errors
/// The venue can't be read.
pub fn list_of(venue: &Path) -> Result<Vec<u8>, BackupError> {
    venue.metadata().map_err(BackupError::disk(venue, "can't be read"))?;
    let mut made = None;
    let read = sqlite::reader(venue).and_then(|mut reader| {
        reader.view(&mut |view| {
            let (head, mirror) = (view.head()?, Mirror::load(view)?);
            let now = VenueClock::new(RealMachine::default(), head.last_time).now();
            made = Some(list(&mirror.venue, now).map_err(|error| StoreError::Damaged(error.to_string()))?);
            Ok(())
        })
    });
    read.map_err(BackupError::store(venue))?;
    Ok(made.unwrap_or_default())
}

/// Writes a list to `file`, which is a whole one at every moment.
///
/// # Errors
/// Something of that name is there and is not to be overwritten, or the disk refused.
pub fn write(list: &[u8], file: &Path, overwrite: bool) -> Result<(), BackupError> {
    write_as(list, file, ".gangway-bailout-", overwrite)
}

/// As [`write`], under a name that begins with `part` while it is written.
fn write_as(list: &[u8], file: &Path, part: &str, overwrite: bool) -> Result<(), BackupError> {
    let mut temporary = temporary_beside(file, part)?;
    io::Write::write_all(&mut temporary, list).map_err(BackupError::disk(file, "can't be written"))?;
    place(temporary, file, overwrite)?;
    Ok(())
}

fn state(session: &SessionRow, now: VenueTime) -> &'static str {
    match session.status() {
        Status::Playing if session.is_overdue(now) => "time is up",
        Status::Playing => "playing",
        Status::Paused => "paused",
        Status::Waiting => "waiting",
        Status::Ended => "ended",
    }
}

/// What stands of what was sold to a visit, and what was paid for it.
fn bought(venue: &Venue, session: &SessionRow) -> (String, String) {
    let lines: Vec<_> = venue.transactions_of(&session.id).collect();
    let paid = lines.iter().map(|line| line.total_price_minor.0).sum();
    let mut standing: BTreeMap<&str, u64> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.quantity > 0) {
        *standing.entry(&line.product_name).or_default() += u64::from(line.quantity);
    }
    let products: Vec<String> = standing.iter().map(|(name, quantity)| format!("{quantity} x {name}")).collect();
    (products.join("; "), major(paid, venue.settings().currency().decimals()))
}

/// Minor units as people write them: `12.50`.
fn major(minor: i64, decimals: u32) -> String {
    let (sign, minor) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    let one = 10_u64.pow(decimals);
    match usize::try_from(decimals).unwrap_or(0) {
        0 => format!("{sign}{minor}"),
        width => format!("{sign}{}.{:0width$}", minor / one, minor % one),
    }
}

/// Venue time on the clocks of the venue.
fn local(moment: VenueTime, zone: &TimeZone) -> String {
    let moment = Timestamp::from_millisecond(moment.0).unwrap_or(Timestamp::UNIX_EPOCH);
    zone.to_datetime(moment).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Text that no spreadsheet takes for a formula: a band or a product is called what its maker wants.
fn plain(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
    if formula { format!("'{text}") } else { text.to_owned() }
}
