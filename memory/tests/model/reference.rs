//! The model: episodes and patterns in `BTreeMap`s, retrieval by plain sums in double precision.

use std::collections::BTreeMap;
use std::sync::Arc;

use memory::trace::Trace;
use memory::{
    Clock, Completion, Embedder, Episode, EpisodeId, Error, FeatureHashing, Head, ManualClock, Memory, NewStep,
    Outcome, Pattern, PatternId, Query, Retention, Step, TaskContext, pattern, reflection, reward,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::operation::{DOMAINS, KEYS, Operation, VALUES};

/// How far a score in single precision may be from one in double precision.
const TOLERANCE: f64 = 1e-5;

/// An id that no episode has.
const UNKNOWN: EpisodeId = EpisodeId(0);

#[derive(Debug, Default)]
pub struct Model {
    episodes: BTreeMap<EpisodeId, Episode>,
    patterns: BTreeMap<PatternId, Pattern>,
    started: Vec<EpisodeId>,
}

impl Model {
    /// Does one operation to both, and compares what they answer.
    pub async fn check(&mut self, memory: &Memory, clock: &ManualClock, operation: Operation) -> TestCaseResult {
        let now_ns = clock.now_ns();
        let choose = |index: &prop::sample::Index| match self.started.len() {
            0 => UNKNOWN,
            len => self.started[index.index(len)],
        };
        match operation {
            Operation::Start(start) => {
                let id = memory.start_episode(start.clone()).await.expect("starting works");
                let head = Head::new(id, now_ns, start);
                prop_assert!(self.episodes.insert(id, Episode { head, steps: Vec::new() }).is_none(), "{} twice", id);
                self.started.push(id);
            }
            Operation::Log(index, step) => {
                let id = choose(&index);
                let answer = memory.log_step(id, step.clone()).await;
                self.log(id, now_ns, step, answer)?;
            }
            Operation::Complete(index, outcome) => {
                let id = choose(&index);
                let answer = memory.complete_episode(id, outcome.clone()).await;
                self.complete(id, now_ns, outcome, answer)?;
            }
            Operation::Delete(index) => {
                let id = choose(&index);
                let answer = memory.delete_episode(id).await;
                match self.has(id) {
                    true => prop_assert!(answer.is_ok(), "{:?}", answer),
                    false => prop_assert!(matches!(answer, Err(Error::UnknownEpisode { .. })), "{:?}", answer),
                }
                self.delete(id);
            }
            Operation::Retain(max_completed, max_age_ns) => {
                let rule = Retention { max_completed, max_age_ns };
                let deleted = memory.retain(&rule).await.expect("deleting works");
                prop_assert_eq!(deleted, self.retain(&rule, now_ns));
            }
            Operation::Get(index) => {
                let id = choose(&index);
                let episode = memory.get_episode(id).await.expect("reading works");
                prop_assert_eq!(episode.as_deref(), self.episodes.get(&id));
            }
            Operation::GetUnknown => {
                prop_assert!(memory.get_episode(UNKNOWN).await.expect("reading works").is_none());
                let refused = memory.log_step(UNKNOWN, NewStep::default()).await;
                prop_assert!(matches!(refused, Err(Error::UnknownEpisode { id: UNKNOWN })), "{:?}", refused);
            }
            Operation::GetMany(indices) => {
                let ids: Vec<EpisodeId> = indices.iter().map(choose).collect();
                let episodes = memory.get_episodes(&ids).await.expect("reading works");
                let expected: Vec<Option<&Episode>> = ids.iter().map(|id| self.episodes.get(id)).collect();
                prop_assert_eq!(episodes.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
            }
            Operation::Metadata(key, value) => self.check_metadata(memory, &key, &value).await?,
            Operation::Task(task_type, domain, limit) => self.check_task(memory, &task_type, &domain, limit).await?,
            Operation::Retrieve(query) => self.check_retrieval(memory, &query).await?,
            Operation::Patterns => self.check_patterns(memory).await?,
            Operation::Stats => self.check_stats(memory).await?,
            Operation::Flush | Operation::Reopen => memory.flush().await.expect("flushing works"),
        }
        Ok(())
    }

    /// Compares all that there is.
    pub async fn check_everything(&self, memory: &Memory) -> TestCaseResult {
        for (id, episode) in &self.episodes {
            let stored = memory.get_episode(*id).await.expect("reading works");
            prop_assert_eq!(stored.as_deref(), Some(episode));
        }
        for key in KEYS {
            for value in VALUES {
                self.check_metadata(memory, key, value).await?;
            }
        }
        for task_type in DOMAINS {
            for domain in DOMAINS {
                self.check_task(memory, task_type, domain, usize::MAX).await?;
            }
        }
        let query = Query { text: "fix the parser".to_owned(), context: None, limit: self.episodes.len() + 1 };
        self.check_retrieval(memory, &query).await?;
        self.check_patterns(memory).await?;
        self.check_stats(memory).await
    }

    /// The episode started last.
    pub fn last(&self) -> Option<EpisodeId> {
        self.started.last().copied()
    }

    /// Takes over an episode as a memory answered it, in place of what was known.
    pub fn adopt(&mut self, episode: Arc<Episode>) {
        let id = episode.head.id;
        if self.episodes.insert(id, Episode::clone(&episode)).is_none() {
            self.started.push(id);
        }
    }

    /// Episode `id` is there.
    pub fn has(&self, id: EpisodeId) -> bool {
        self.episodes.contains_key(&id)
    }

    /// Deletes an episode, if it is there.
    pub fn delete(&mut self, id: EpisodeId) {
        self.episodes.remove(&id);
        self.rebuild_patterns();
    }

    /// Takes over the patterns as a memory answered them.
    pub fn adopt_patterns(&mut self, patterns: Vec<Pattern>) {
        self.patterns = patterns.into_iter().map(|pattern| (pattern.id, pattern)).collect();
    }

    fn log(&mut self, id: EpisodeId, now_ns: u64, step: NewStep, answer: memory::Result<u32>) -> TestCaseResult {
        match self.episodes.get_mut(&id) {
            None => prop_assert!(matches!(answer, Err(Error::UnknownEpisode { .. })), "{:?}", answer),
            Some(episode) if episode.head.completion.is_some() => {
                prop_assert!(matches!(answer, Err(Error::EpisodeCompleted { .. })), "{:?}", answer);
            }
            Some(episode) => {
                let number = episode.steps.len() as u32;
                prop_assert_eq!(answer.expect("logging works"), number);
                episode.steps.push(Step::new(number, now_ns, step));
            }
        }
        Ok(())
    }

    fn complete(
        &mut self,
        id: EpisodeId,
        now_ns: u64,
        outcome: Outcome,
        answer: memory::Result<Completion>,
    ) -> TestCaseResult {
        match self.episodes.get_mut(&id) {
            None => prop_assert!(matches!(answer, Err(Error::UnknownEpisode { .. })), "{:?}", answer),
            Some(episode) if episode.head.completion.is_some() => {
                prop_assert!(matches!(answer, Err(Error::EpisodeCompleted { .. })), "{:?}", answer);
            }
            Some(Episode { head, steps }) => {
                let trace = Trace::of(steps);
                let patterns = pattern::extract(head, &trace, &outcome);
                let completion = Completion {
                    completed_at_ns: now_ns,
                    reward: reward::reward(&head.context, &trace, &outcome),
                    reflection: reflection::reflect(head, steps, &trace, &outcome),
                    patterns: patterns.iter().map(|pattern| pattern.id).collect(),
                    outcome,
                };
                prop_assert_eq!(&answer.expect("completing works"), &completion);
                head.completion = Some(completion);
                for pattern in patterns {
                    self.patterns.entry(pattern.id).and_modify(|known| known.merge(&pattern)).or_insert(pattern);
                }
            }
        }
        Ok(())
    }

    fn retain(&mut self, rule: &Retention, now_ns: u64) -> usize {
        let completed_at = |episode: &Episode| episode.head.completion.as_ref().map(|end| end.completed_at_ns);
        let mut completed: Vec<(u64, EpisodeId)> =
            self.episodes.iter().filter_map(|(id, episode)| Some((completed_at(episode)?, *id))).collect();
        completed.sort_unstable();
        completed.reverse();
        let kept = |place: usize, at_ns: u64| {
            rule.max_completed.is_none_or(|most| place < most)
                && rule.max_age_ns.is_none_or(|age_ns| at_ns + age_ns >= now_ns)
        };
        let before = self.episodes.len();
        for (place, (at_ns, id)) in completed.into_iter().enumerate() {
            if !kept(place, at_ns) {
                self.episodes.remove(&id);
            }
        }
        self.rebuild_patterns();
        before - self.episodes.len()
    }

    /// The patterns of the episodes that are left.
    fn rebuild_patterns(&mut self) {
        self.patterns.clear();
        for Episode { head, steps } in self.episodes.values() {
            let Some(completion) = &head.completion else { continue };
            for pattern in pattern::extract(head, &Trace::of(steps), &completion.outcome) {
                self.patterns.entry(pattern.id).and_modify(|known| known.merge(&pattern)).or_insert(pattern);
            }
        }
    }

    async fn check_metadata(&self, memory: &Memory, key: &str, value: &str) -> TestCaseResult {
        let has = |episode: &Episode| episode.head.metadata.get(key).is_some_and(|found| found == value);
        let expected: Vec<EpisodeId> =
            self.episodes.values().filter(|episode| has(episode)).map(|episode| episode.head.id).collect();
        prop_assert_eq!(
            memory.query_by_metadata(key, value).await.expect("reading works"),
            expected,
            "{:?}={:?}",
            key,
            value
        );
        Ok(())
    }

    async fn check_task(&self, memory: &Memory, task_type: &str, domain: &str, limit: usize) -> TestCaseResult {
        let heads = self.episodes.values().map(|episode| &episode.head);
        let mut expected: Vec<(u64, EpisodeId)> = heads
            .filter(|head| head.task_type == task_type && head.context.domain == domain)
            .map(|head| (head.started_at_ns, head.id))
            .collect();
        expected.sort_unstable();
        let expected: Vec<EpisodeId> = expected.into_iter().rev().take(limit).map(|(_, id)| id).collect();
        let found = memory.query_by_task(task_type, domain, limit).await.expect("reading works");
        prop_assert_eq!(found, expected, "{:?} in {:?}, {}", task_type, domain, limit);
        Ok(())
    }

    async fn check_patterns(&self, memory: &Memory) -> TestCaseResult {
        let patterns = memory.patterns().await.expect("reading works");
        prop_assert_eq!(patterns, self.patterns.values().cloned().collect::<Vec<_>>());
        Ok(())
    }

    async fn check_stats(&self, memory: &Memory) -> TestCaseResult {
        let stats = memory.stats().await.expect("counting works");
        let steps: usize = self.episodes.values().map(|episode| episode.steps.len()).sum();
        let expected = (self.episodes.len() as u64, steps as u64, self.patterns.len() as u64);
        prop_assert_eq!((stats.episodes, stats.steps, stats.patterns), expected);
        Ok(())
    }

    /// The answer is in order, its scores are right, nothing better was left out, and it is as long as it can be.
    async fn check_retrieval(&self, memory: &Memory, query: &Query) -> TestCaseResult {
        let retrieved = memory.retrieve(query).await.expect("retrieving works");
        let mut expected: BTreeMap<EpisodeId, f64> = self
            .episodes
            .values()
            .filter(|episode| episode.head.completion.is_some())
            .map(|episode| (episode.head.id, score(query, &episode.head)))
            .collect();
        prop_assert_eq!(retrieved.len(), query.limit.min(expected.len()));
        for pair in retrieved.windows(2) {
            let in_order = pair[0].score > pair[1].score || (pair[0].score == pair[1].score && pair[0].id < pair[1].id);
            prop_assert!(in_order, "{:?}", pair);
        }
        for found in &retrieved {
            let score = expected.remove(&found.id);
            let near = score.is_some_and(|score| (score - f64::from(found.score)).abs() < TOLERANCE);
            prop_assert!(near, "{} scored {} for {:?}", found.id, found.score, score);
            prop_assert_eq!(found.episode.as_ref(), &self.episodes[&found.id]);
        }
        if let Some(worst) = retrieved.last() {
            let missed = expected.iter().find(|&(_, &score)| score > f64::from(worst.score) + TOLERANCE);
            prop_assert!(missed.is_none(), "{:?} is better than {} with {}", missed, worst.id, worst.score);
        }
        Ok(())
    }
}

fn score(query: &Query, head: &Head) -> f64 {
    let embed = |text: &str| {
        let mut vector = Vec::new();
        FeatureHashing::default().embed(text, &mut vector);
        vector.into_iter().map(f64::from).collect::<Vec<f64>>()
    };
    let similarity: f64 = embed(&query.text).iter().zip(embed(&head.task)).map(|(a, b)| a * b).sum();
    match &query.context {
        None => similarity,
        Some(context) => 0.6 * similarity + 0.4 * context_match(context, &head.context),
    }
}

/// The formula of `memory::retrieval`, written as a table: weight, whether it is asked for, how far it agrees.
fn context_match(query: &TaskContext, context: &TaskContext) -> f64 {
    use std::collections::BTreeSet;
    let tags = |context: &TaskContext| context.tags.iter().cloned().collect::<BTreeSet<String>>();
    let (wanted, there) = (tags(query), tags(context));
    let shared = wanted.intersection(&there).count() as f64 / wanted.union(&there).count().max(1) as f64;
    let same = |same: bool| f64::from(u8::from(same));
    let table = [
        (0.35, !query.domain.is_empty(), same(query.domain == context.domain)),
        (0.25, query.language.is_some(), same(query.language == context.language)),
        (0.15, query.framework.is_some(), same(query.framework == context.framework)),
        (0.10, true, same(query.complexity == context.complexity)),
        (0.15, !query.tags.is_empty(), shared),
    ];
    let asked = table.iter().filter(|(_, asked, _)| *asked);
    let weights: f64 = asked.clone().map(|(weight, _, _)| weight).sum();
    asked.map(|(weight, _, agreed)| weight * agreed).sum::<f64>() / weights
}
