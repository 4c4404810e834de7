//! Several episodes with one statement.

use std::sync::Arc;

use ::libsql::Value;

use super::Libsql;
use super::schema::Sql;
use crate::{Episode, EpisodeId, Error, Head, Result, Step};

impl Libsql {
    /// The episodes of those ids, each in the place of its id.
    pub(super) async fn select_episodes(&self, ids: &[EpisodeId]) -> Result<Vec<Option<Arc<Episode>>>> {
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let array = serde_json::to_string(&texts).expect("a list of texts is valid JSON");
        let mut heads: Vec<Option<Head>> = vec![None; ids.len()];
        let mut steps: Vec<Vec<Step>> = vec![Vec::new(); ids.len()];
        let reading = self.read_rows("reading episodes", Sql::SelectEpisodes, vec![Value::Text(array)], |row| {
            let place = usize::try_from(row.get::<u64>(0)?).unwrap_or(usize::MAX);
            if place >= ids.len() {
                return Err(Error::Envelope { reason: format!("an episode in place {place} of {}", ids.len()) }.into());
            }
            if row.get::<i64>(1)? < 0 {
                heads[place] = Some(self.decoded(row, 2)?);
            } else {
                steps[place].push(self.decoded(row, 2)?);
            }
            Ok(())
        });
        self.waiting(reading).await?;
        // The rows come in the order of the table, which SQL does not promise: sorting sorted rows costs nothing.
        steps.iter_mut().for_each(|steps| steps.sort_unstable_by_key(|step| step.number));
        let episodes = heads.into_iter().zip(steps).map(|(head, steps)| Some(Arc::new(Episode { head: head?, steps })));
        Ok(episodes.collect())
    }
}
