//! Why targets give no program: each reason once, with what failed first and what can be done.

/// The reason to leave out a target that does not compile, with its remedy. Without a `first` error of a compiler, what
/// ran for the build has failed.
pub fn not_compiled(first: Option<&str>, remedy: &str) -> String {
    format!("it does not compile ({}): {remedy}", first.unwrap_or("a build script failed"))
}

/// The error for a source that does not build.
pub fn not_built(name: &str) -> String {
    let remedy = if name.starts_with("revision ") { ": choose another revision" } else { "" };
    format!("{name} does not build{remedy}")
}

/// The error for a build that lists no case, and has left out what was `skipped`.
pub fn nothing_listed(name: &str, skipped: &[(String, String)]) -> String {
    match skipped {
        [] => format!("{name} lists no benchmark: what answers `--list` prints a line for each"),
        _ => format!("{name} {}", nothing_built(skipped)),
    }
}

/// The error for a source without a program.
pub fn nothing_built(skipped: &[(String, String)]) -> String {
    let mut reasons: Vec<&str> = skipped.iter().map(|(_, why)| why.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let each = reasons.into_iter().map(|reason| {
        let names = skipped.iter().filter(|(_, why)| why == reason).map(|(what, _)| what.as_str());
        format!("{}: {reason}", names.collect::<Vec<_>>().join(", "))
    });
    match each.collect::<Vec<_>>() {
        none if none.is_empty() => {
            "has no bench targets: `[[bench]]` with `harness = false` makes one, for criterion say, or `#[bench]`"
                .to_owned()
        }
        each => format!("has no bench that can be measured: {}", each.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_several_targets_share_is_said_once() {
        let skipped = |all: &[(&str, &str)]| {
            let owned: Vec<_> = all.iter().map(|(what, why)| ((*what).to_owned(), (*why).to_owned())).collect();
            nothing_built(&owned)
        };
        assert_eq!(
            skipped(&[("a/x", "it hangs"), ("b/y", "it fails"), ("c/z", "it hangs")]),
            "has no bench that can be measured: b/y: it fails; a/x, c/z: it hangs"
        );
        assert!(skipped(&[]).starts_with("has no bench targets"));
    }

    #[test]
    fn the_first_error_is_part_of_the_reason() {
        assert_eq!(not_compiled(Some("in a: no `b`"), "add it"), "it does not compile (in a: no `b`): add it");
        assert_eq!(not_compiled(None, "add it"), "it does not compile (a build script failed): add it");
    }

    #[test]
    fn a_build_without_a_case_says_why() {
        let skipped = [("a/x".to_owned(), "it ended".to_owned())];
        assert_eq!(nothing_listed("this tree", &skipped), "this tree has no bench that can be measured: a/x: it ended");
        assert!(nothing_listed("this tree", &[]).starts_with("this tree lists no benchmark"));
    }

    #[test]
    fn only_a_revision_can_be_another_one() {
        assert_eq!(not_built("revision 0123"), "revision 0123 does not build: choose another revision");
        assert_eq!(not_built("the working tree"), "the working tree does not build");
    }
}
