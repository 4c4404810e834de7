//! The tables `[preset.NAME]`: other weights, paces and draws of the same requests.

use toml::Spanned;

use super::definition::{PresetEntry, ScenarioFile, SessionEntry};
use super::error::{ScenarioError, error_at};

/// Changes a file as its preset of that name says.
pub fn apply(file: &mut ScenarioFile, name: &str) -> Result<(), ScenarioError> {
    let Some(PresetEntry { weights, before, pace, pools }) = file.presets.remove(name) else {
        let known: Vec<&str> = file.presets.keys().map(String::as_str).collect();
        let remedy =
            if known.is_empty() { "the scenario has none".to_owned() } else { format!("use {}", known.join(", ")) };
        return error_at(0..0, format!("there is no preset `{name}`: {remedy}"));
    };
    let named = weights.iter().flat_map(|it| it.keys()).chain(before.iter().flat_map(|it| it.keys()));
    for session in named {
        if file.sessions.iter().all(|known| known.name.get_ref() != session.get_ref()) {
            let message = format!("there is no session `{}`: add a [[session]] of that name", session.get_ref());
            return error_at(session.span(), message);
        }
    }
    if let Some(pool) = pools.keys().find(|pool| !file.pools.contains_key(*pool)) {
        return error_at(pool.span(), format!("there is no pool `{0}`: add [pool.{0}]", pool.get_ref()));
    }
    if let Some(weights) = weights {
        // Sessions that it does not name have none.
        let weight = |name: &Spanned<String>| weights.get(name).cloned().unwrap_or_else(|| Spanned::new(0..0, 0.0));
        file.sessions.iter_mut().for_each(|session| session.weight = Some(weight(&session.name)));
    }
    if let Some(before) = before {
        let times = |name: &Spanned<String>| before.get(name).map_or(0, |times| *times.get_ref());
        file.sessions.iter_mut().for_each(|session| session.before = times(&session.name));
    }
    file.pace.extend(pace);
    file.pools.extend(pools);
    Ok(())
}

/// Takes out the sessions that only presets play; a scenario without presets has none.
pub fn take_idle_out(file: &mut ScenarioFile) {
    let is_idle = |session: &SessionEntry| {
        session.before == 0 && session.weight.as_ref().is_some_and(|weight| *weight.get_ref() == 0.0)
    };
    file.sessions.retain(|session| !is_idle(session));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::read::read;

    /// The shares of the memory's operations among the requests of a preset, in per cent.
    fn shares(preset: &str) -> [f64; 6] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("presets/memory.toml");
        let scenario = read(&file, Some(preset)).unwrap().scenario;
        let groups: [&[&str]; 6] = [
            &["step"],
            &["retrieve", "search"],
            &["get", "get-own"],
            &["start", "complete", "complete-passing"],
            &["patterns"],
            &["delete"],
        ];
        let mut counts = [0.0; 6];
        for session in &scenario.sessions {
            for number in &session.requests {
                let name = scenario.requests[*number].name.as_str();
                let group = groups.iter().position(|group| group.contains(&name)).unwrap();
                counts[group] += session.weight;
            }
        }
        let all: f64 = counts.iter().sum();
        counts.map(|count| 100.0 * count / all)
    }

    #[test]
    fn the_memory_s_presets_have_the_shares_that_were_stated() {
        assert_eq!(shares("canonical"), [45.0, 25.0, 18.0, 8.0, 3.0, 1.0]);
        for like_it in ["latest", "burst", "soak", "variable"] {
            assert_eq!(shares(like_it), shares("canonical"), "{like_it}");
        }
        let [step, _, _, whole, _, deleted] = shares("read-heavy");
        assert_eq!(step + whole + deleted, 5.0);
        let [step, _, _, whole, _, deleted] = shares("write-heavy");
        assert_eq!(step + whole + deleted, 95.0);
    }
}
