//! Batch `parallel`: one question an episode, each on its own task, as many at a time as a store has readers.

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use crate::store::Store;
use crate::{Counters, Episode, EpisodeId, Error, Result};

/// The most questions at a time. More would queue for connections, and take those of other callers.
const SIDE_BY_SIDE: usize = 8;

type Answer = (usize, Result<Option<Arc<Episode>>>);

pub(super) async fn fetch(
    store: &Arc<dyn Store>,
    ids: &[EpisodeId],
    counters: &Counters,
) -> Result<Vec<Option<Arc<Episode>>>> {
    let [_, _, ..] = ids else {
        return super::serial(&**store, ids).await; // nothing to do beside it
    };
    let mut episodes = vec![None; ids.len()];
    let mut asked = JoinSet::new(); // dropped with this future, and its tasks with it
    for (place, &id) in ids.iter().enumerate() {
        if asked.len() == SIDE_BY_SIDE
            && let Some(answer) = asked.join_next().await
        {
            keep(answer, &mut episodes)?;
        }
        let store = Arc::clone(store);
        asked.spawn(async move { (place, store.episode(id).await) });
        counters.fetched_in_parallel.increment();
    }
    while let Some(answer) = asked.join_next().await {
        keep(answer, &mut episodes)?;
    }
    Ok(episodes)
}

fn keep(answer: std::result::Result<Answer, JoinError>, episodes: &mut [Option<Arc<Episode>>]) -> Result<()> {
    match answer {
        Ok((place, episode)) => episodes[place] = episode?,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => return Err(Error::Closed), // the runtime is shutting down
        },
    }
    Ok(())
}
