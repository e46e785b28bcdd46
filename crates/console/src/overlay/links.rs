//! What connects commands with each other and with confirmed rows.

use std::collections::{BTreeSet, HashMap};

use gangway_domain::{
    band::BarcodeId,
    command::{Command, Key},
    ids::{AttentionId, CommandId, DeviceId, PlaceId, ProductId, SegmentId, SessionId, TransactionId, row_id},
    rows::{Change, Collection, Row},
    venue::Venue,
};

use super::Entry;

/// Commands that share one are decided in their order; a confirmed row that has one makes them be decided again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Link {
    /// A band, a product, a line, the settings, an entry of the attention list.
    Key(Key),
    /// A product that is only read: who reads it is decided again when it changes, and holds nobody else back.
    Reads(ProductId),
    /// A lent place.
    Place(PlaceId),
    /// All places of a desk.
    PlacesOf(DeviceId),
}

/// The rows of which one is there once the server has done the command, or has said no to it: their ids come from
/// the command's (`sync.md` rule 11).
pub(super) fn made_rows(id: CommandId, command: &Command) -> Vec<(Collection, String)> {
    let first = |collection, kind| (collection, row_id(id, kind, 0));
    // Of a command that was refused or is hardly possible.
    let mut rows = vec![first(Collection::Attention, "attention")];
    rows.extend(match command {
        Command::Checkin { .. } | Command::Sale { .. } => Some(first(Collection::Transactions, "transaction")),
        Command::Play(_) => Some(first(Collection::Segments, "segment")),
        Command::ProductCreate(_) => Some(first(Collection::Products, "product")),
        Command::Correct { .. } | Command::AttentionResolve { .. } => {
            Some(first(Collection::Corrections, "correction"))
        }
        Command::Pause(_)
        | Command::End(_)
        | Command::ProductUpdate { .. }
        | Command::ProductDelete(_)
        | Command::SettingsUpdate(_)
        | Command::AttentionRaise { .. }
        | Command::PlaceWriteOff { .. }
        | Command::Lend { .. }
        | Command::Release(_)
        | Command::DayChange => None,
    });
    rows
}

/// The links of a command as the rows stand. `is_made_here` says whether a pending command makes a product.
pub(super) fn of_entry(entry: &Entry, venue: &Venue, is_made_here: impl Fn(&ProductId) -> bool) -> BTreeSet<Link> {
    let Entry { id, command, seen, place, .. } = entry;
    let mut links: BTreeSet<Link> = command.keys().into_iter().chain(command.made_keys(*id)).map(Link::Key).collect();
    links.insert(Link::Key(Key::Attention(AttentionId(row_id(*id, "attention", 0)))));
    for key in command.read_keys() {
        // What the desk showed when it was tapped is what it is priced by, whatever becomes of the product.
        if let Key::Product(product) = key
            && (!seen.contains_key(&product) || is_made_here(&product))
        {
            links.insert(Link::Reads(product));
        }
    }
    links.extend(place.clone().map(Link::Place));
    match command {
        Command::Correct { transaction_id, .. } => links.extend(band_of_line(venue, transaction_id)),
        Command::PlaceWriteOff { device_id, .. } => {
            links.insert(Link::PlacesOf(device_id.clone()));
            let places = venue.places().filter(|place| place.device_id == *device_id);
            links.extend(places.map(|place| Link::Place(place.id.clone())));
        }
        _ => {}
    }
    links
}

/// The links of confirmed changes, with the rows as they are shown before them.
pub(super) fn of_changes(changes: &[Change], venue: &Venue) -> BTreeSet<Link> {
    let of_visits: HashMap<&SessionId, &BarcodeId> = changes.iter().filter_map(session_of).collect();
    let band_of = |session: &SessionId| {
        let shown = || venue.session(session).map(|row| &row.barcode_id);
        of_visits.get(session).copied().or_else(shown).map(band)
    };
    let mut links = BTreeSet::new();
    for change in changes {
        let shown = venue.row(change.collection, &change.id);
        for row in [change.row.as_ref(), shown.as_ref()].into_iter().flatten() {
            match row {
                Row::Session(row) => links.extend([band(&row.barcode_id)]),
                Row::Segment(row) => links.extend(band_of(&row.session_id)),
                Row::Transaction(row) => links.extend([line(&row.id), band(&row.barcode_id)]),
                Row::Correction(row) => {
                    links.insert(line(&row.transaction_id));
                    links.extend(band_of(&row.session_id));
                }
                Row::Product(row) => links.extend([Link::Key(Key::Product(row.id.clone()))]),
                Row::Settings(_) => links.extend([Link::Key(Key::Settings)]),
                Row::Attention(row) => links.extend([Link::Key(Key::Attention(row.id.clone()))]),
                Row::Place(row) => links.extend([Link::Place(row.id.clone()), Link::PlacesOf(row.device_id.clone())]),
            }
        }
        // A row that is gone and was not known: its id alone connects it.
        links.extend(of_id(change.collection, &change.id, venue));
    }
    links
}

fn session_of(change: &Change) -> Option<(&SessionId, &BarcodeId)> {
    match &change.row {
        Some(Row::Session(row)) => Some((&row.id, &row.barcode_id)),
        _ => None,
    }
}

fn of_id(collection: Collection, id: &str, venue: &Venue) -> Option<Link> {
    match collection {
        Collection::Transactions => Some(line(&TransactionId::from(id))),
        Collection::Attention => Some(Link::Key(Key::Attention(AttentionId::from(id)))),
        Collection::Products => Some(Link::Key(Key::Product(ProductId::from(id)))),
        Collection::Places => Some(Link::Place(PlaceId::from(id))),
        Collection::Segments => {
            let segment = venue.segment(&SegmentId::from(id))?;
            venue.session(&segment.session_id).map(|row| band(&row.barcode_id))
        }
        Collection::Settings | Collection::Sessions | Collection::Corrections => None,
    }
}

fn band_of_line(venue: &Venue, id: &TransactionId) -> Option<Link> {
    venue.transaction(id).map(|row| band(&row.barcode_id))
}

fn band(band: &BarcodeId) -> Link {
    Link::Key(Key::Band(band.clone()))
}

fn line(id: &TransactionId) -> Link {
    Link::Key(Key::Transaction(id.clone()))
}
