//! The catalogue that a sale is priced by: what the guest was shown, told and charged (`sync.md` rule 12).

use std::collections::BTreeMap;

use gangway_domain::{
    command::Command,
    decide::{self, Catalogue},
    ids::Seq,
    time::VenueTime,
};

use super::{Intent, Request};
use crate::store::{AsOf, Head, StoreError, Transaction};

/// The catalogue for `request`, and whether it had to be guessed.
///
/// Where a desk says which rows it showed, those count: a log that is an older copy does not have them any more, and no
/// log has what the desk's own commands that waited had on top.
pub(super) fn catalogue(
    transaction: &dyn Transaction,
    request: &Request,
    head: &Head,
    effective_at: VenueTime,
) -> Result<(Catalogue, bool), StoreError> {
    let (Some(based_on), Intent::Command(command @ (Command::Checkin { .. } | Command::Sale { .. }))) =
        (&request.based_on, &request.intent)
    else {
        return Ok((Catalogue::Now, false));
    };
    let base = head.epoch_base.as_ref().filter(|base| base.epoch == based_on.epoch);
    let seen: Option<Seq> = match base {
        // Nobody has seen more than there is.
        _ if based_on.epoch == head.epoch => Some(based_on.seq.min(head.seq)),
        Some(base) => Some(based_on.seq.min(base.seq)),
        None => None,
    };
    // What the catalogue was before the log's first event is known no more.
    let trimmed = transaction.trimmed()?;
    let seen = seen.filter(|seen| *seen >= trimmed);
    let moment = seen.map_or(AsOf::Time(effective_at), AsOf::Seq);
    let mut products = BTreeMap::new();
    let mut guessed = false;
    for id in decide::needs(command).products {
        let version = match transaction.product_as_of(&id, moment)? {
            // The desk made it itself since: it showed it as it was made, whatever others made of it meanwhile.
            None => transaction.product_as_of(&id, AsOf::Beginning)?,
            version => version,
        };
        let shown = request.shown.get(&id);
        guessed |= shown.map_or(seen.is_none(), |_| version.is_none());
        products.insert(id, shown.cloned().or(version));
    }
    Ok((Catalogue::AsOf(products), guessed))
}
