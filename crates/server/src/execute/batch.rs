//! Several commands on one commit. What makes a command slow is the disk, and the disk takes as long for
//! fifty as for one; each still has its own outcome, and one that fails leaves the others alone.

use std::{
    collections::BTreeSet,
    panic::{self, AssertUnwindSafe},
};

use gangway_domain::command::Key;

use super::{Executed, Ports, Request, one};
use crate::store::{Store, StoreError, Transaction};

/// The commands of one caller, in order.
pub type Batch = Vec<Request>;

/// Executes all `batches` in one transaction and says what became of each command, batch by batch.
///
/// After a command that could not be decided, all later ones of its batch that share a key with it, or with
/// one held back for it, are not tried: they would overtake it (`sync.md` rule 15).
pub fn execute_batches(
    store: &mut dyn Store,
    ports: &Ports,
    batches: &[Batch],
) -> Vec<Vec<Result<Executed, StoreError>>> {
    let mut run = || -> Result<_, StoreError> {
        let mut transaction = store.begin()?;
        let results = batches.iter().map(|batch| in_order(transaction.as_mut(), ports, batch)).collect();
        transaction.commit()?;
        Ok(results)
    };
    run().unwrap_or_else(|error| {
        // Nothing was kept, of none of them.
        tracing::error!(%error, "commands could not be committed");
        batches.iter().map(|batch| batch.iter().map(|_| Err(StoreError::Busy)).collect()).collect()
    })
}

fn in_order(transaction: &mut dyn Transaction, ports: &Ports, batch: &Batch) -> Vec<Result<Executed, StoreError>> {
    let mut held_back: BTreeSet<Key> = BTreeSet::new();
    let mut results = Vec::with_capacity(batch.len());
    for request in batch {
        let free = request.awaited().is_disjoint(&held_back);
        let executed = if free { alone(transaction, ports, request) } else { Err(StoreError::Busy) };
        if executed.is_err() {
            held_back.extend(request.keys());
        }
        results.push(executed);
    }
    results
}

/// One command between marks, so that its failure, or a break of the program in it, undoes it alone.
fn alone(transaction: &mut dyn Transaction, ports: &Ports, request: &Request) -> Result<Executed, StoreError> {
    transaction.mark()?;
    let work = AssertUnwindSafe(|| one(transaction, ports, request));
    let executed = panic::catch_unwind(work).unwrap_or(Err(StoreError::Broke));
    match &executed {
        Ok(_) => transaction.keep()?,
        Err(error) => {
            tracing::error!(%error, command = %request.command_id, "a command could not be executed");
            transaction.undo()?;
        }
    }
    executed
}
