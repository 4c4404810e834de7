//! The context pattern: the kind of an episode, as sorted features. There is one per episode; over many episodes its
//! success rate shows the tasks that this agent does well.

use super::{Found, PatternKind};
use crate::Head;
use crate::trace::Trace;

/// The most tags that become features: free labels would otherwise make every episode its own kind.
const TAGS: usize = 8;

pub(super) fn extract(head: &Head, trace: &Trace<'_>) -> Found {
    let context = &head.context;
    let mut tags: Vec<&str> = context.tags.iter().map(String::as_str).collect();
    tags.sort_unstable();
    tags.dedup();
    let fields = [
        ("complexity", Some(context.complexity.name())),
        ("domain", Some(context.domain.as_str())),
        ("framework", context.framework.as_deref()),
        ("language", context.language.as_deref()),
        ("length", Some(length(trace.tools.len()))),
        ("task_type", Some(head.task_type.as_str())),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    let tags = tags.into_iter().take(TAGS).map(|tag| ("tag", tag));
    let mut features: Vec<String> =
        fields.chain(tags).map(|(name, value)| format!("{name}={}", value.to_lowercase())).collect();
    features.sort_unstable();
    features.dedup();
    Found::from([(PatternKind::ContextPattern { features }, 1)])
}

/// The length of an episode in words: up to half the usual 20 steps, up to twice as many, more.
fn length(steps: usize) -> &'static str {
    match steps {
        0..=10 => "short",
        11..=40 => "medium",
        _ => "long",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Complexity, EpisodeId, StartEpisode, TaskContext};

    fn features(context: TaskContext, task_type: &str) -> Vec<String> {
        let head = Head::new(
            EpisodeId(1),
            0,
            StartEpisode { context, task_type: task_type.to_owned(), ..StartEpisode::default() },
        );
        match extract(&head, &Trace::default()).pop_first() {
            Some((PatternKind::ContextPattern { features }, 1)) => features,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn features_are_sorted_in_lower_case_and_without_what_is_not_known() {
        let context = TaskContext {
            language: Some("Rust".to_owned()),
            framework: None,
            domain: "web".to_owned(),
            complexity: Complexity::Simple,
            tags: vec!["http".to_owned(), "Async".to_owned(), "http".to_owned()],
        };
        assert_eq!(
            features(context, "bug-fix"),
            [
                "complexity=simple",
                "domain=web",
                "language=rust",
                "length=short",
                "tag=async",
                "tag=http",
                "task_type=bug-fix"
            ]
        );
        assert_eq!(features(TaskContext::default(), ""), ["complexity=moderate", "length=short"]);
    }

    #[test]
    fn many_tags_are_cut_in_their_order() {
        let tags = (0..20).rev().map(|number| format!("t{number:02}")).collect();
        let features = features(TaskContext { tags, ..TaskContext::default() }, "");
        assert_eq!(features.iter().filter(|feature| feature.starts_with("tag=")).count(), TAGS);
        assert!(features.contains(&"tag=t00".to_owned()) && !features.contains(&"tag=t19".to_owned()));
    }
}
