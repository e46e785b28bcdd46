//! Free places that are lent to desks, so that two desks that can't talk don't fill the venue twice (`sync.md`
//! rule 21).

use std::collections::BTreeSet;

use super::{Draft, Flag};
use crate::{
    event::{EventName, Subject},
    ids::{DeviceId, PlaceId},
    rejection::Rejection,
    rows::{Change, Collection, PlaceRow, Row},
    settings::CapacityPolicy,
};

/// Lets one more in: says which lent place is spent for it, or that there is no room.
pub(super) fn enter(draft: &mut Draft) -> Result<Option<Change>, Rejection> {
    let context = draft.context;
    let named = context.place.as_ref().and_then(|id| draft.venue.place(id));
    let own = named.filter(|place| Some(&place.device_id) == context.device_id.as_ref());
    let gone = |place: &PlaceRow| Change::gone(Collection::Places, place.id.as_str());
    let covered = own.is_some_and(|place| !place.written_off);
    let max = draft.venue.settings().max_occupancy;
    let policy = draft.venue.settings().capacity_policy;
    let lent = match policy {
        CapacityPolicy::Advisory => 0,
        CapacityPolicy::Strict => draft.venue.lent(),
    };
    let spent = own.map(gone);
    if covered && policy == CapacityPolicy::Strict || draft.playing.saturating_add(lent) < max {
        return Ok(spent);
    }
    let of_other_log =
        policy == CapacityPolicy::Strict && context.other_log && context.place.is_some() && named.is_none();
    if let Some(place) = of_other_log.then(|| stands_in(draft)).flatten() {
        return Ok(Some(gone(place)));
    }
    if own.is_some_and(|place| place.written_off) || of_other_log {
        // It was told GO on a place that was its own then: the child is inside.
        draft.flag(Flag::PlaceLost);
    } else if let Some(reason) = &context.force {
        draft.flag(Flag::Forced { reason: reason.clone() });
    } else if context.happened || (covered || context.late) && policy == CapacityPolicy::Advisory {
        // Covered: its desk said GO while the policy was strict.
        draft.flag(Flag::OverCapacity);
    } else {
        return Err(Rejection::VenueFull { max, lent });
    }
    Ok(spent)
}

/// The place that its desk counts as holding for one that this log does not know: the youngest, which the desk has
/// hardly heard of.
fn stands_in<'a>(draft: &Draft<'a>) -> Option<&'a PlaceRow> {
    let device = draft.context.device_id.as_ref()?;
    let own = draft.venue.places().filter(|place| !place.written_off && place.device_id == *device);
    own.max_by_key(|place| (place.granted_at, &place.id))
}

/// `device` holds exactly `places` from now on; one of them that was written off stays so.
pub(super) fn lend(draft: &mut Draft, device: &DeviceId, places: &BTreeSet<PlaceId>) {
    let of_device = draft.venue.places().filter(|place| place.device_id == *device);
    let held: BTreeSet<&PlaceId> = of_device.map(|place| &place.id).collect();
    let taken = held.iter().filter(|id| !places.contains(**id));
    let mut changes: Vec<Change> = taken.map(|id| Change::gone(Collection::Places, id.as_str())).collect();
    for id in places.iter().filter(|id| !held.contains(id)) {
        changes.push(Change::put(Row::Place(PlaceRow {
            id: id.clone(),
            device_id: device.clone(),
            granted_at: draft.now(),
            written_off: false,
        })));
    }
    if !changes.is_empty() {
        draft.event(EventName::Rows, Subject::Venue, changes);
    }
}

/// What was lent to `device` is free for others again.
pub(super) fn write_off(draft: &mut Draft, device: &DeviceId) {
    let of_device = draft.venue.places().filter(|place| place.device_id == *device && !place.written_off);
    let written_off = |place: &PlaceRow| Change::put(Row::Place(PlaceRow { written_off: true, ..place.clone() }));
    let changes: Vec<Change> = of_device.map(written_off).collect();
    if changes.is_empty() {
        draft.flag(Flag::NoChange);
    } else {
        draft.event(EventName::Rows, Subject::Venue, changes);
    }
}
