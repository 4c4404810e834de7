//! Ids in paths: the answers that give them. `POST` to the path above makes an id, and where there is none, `GET` lists
//! them, of which the first is taken. A listed id is somebody else's, so nothing is changed or deleted by it.
//!
//! Ids may be nested: `/users/{user}/posts/{post}` needs a user and one of that user's posts, both from one session.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::ImportedRequest;
use super::super::schema::{resolved, success};
use super::Asked;

/// The requests whose answers may give ids.
#[derive(Default)]
pub struct IdSources<'a> {
    /// By method and path, without the names of its parameters: the request's position.
    givers: BTreeMap<(&'static str, String), (usize, &'a Asked<'a>)>,
    /// The request that one comes after, as it gives the last id of its path.
    after: BTreeMap<usize, usize>,
}

/// An id in the path of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenId {
    /// The parameter of the path.
    pub parameter: String,
    /// The name of its value.
    pub variable: String,
    /// The position of the request that gives it.
    pub giver: usize,
    /// The place in the answer.
    pub place: String,
}

impl<'a> IdSources<'a> {
    /// Adds the request at this position; `ids` are those of its path.
    pub fn add(&mut self, asked: &'a Asked<'a>, number: usize, ids: &[GivenId]) {
        if ["post", "get"].contains(&asked.method) {
            self.givers.insert((asked.method, nameless(&asked.path)), (number, asked));
        }
        self.after.extend(ids.last().map(|id| (number, id.giver)));
    }

    /// The ids of an operation's path that answers give, the outermost first. All come from the session of the last.
    pub fn of(&self, document: &Value, asked: &Asked<'_>, requests: &[ImportedRequest]) -> Vec<GivenId> {
        let found = parameters(&asked.path).filter_map(|(above, parameter)| {
            ["post", "get"].iter().find_map(|method| {
                let key = |end: &str| (*method, format!("{}{end}", nameless(above)));
                let (giver, by) = self.givers.get(&key("")).or_else(|| self.givers.get(&key("/")))?;
                let (field, place) = answered(document, by, parameter)?;
                let variable = format!("{}-{field}", requests[*giver].name);
                Some((*method, GivenId { parameter: parameter.to_owned(), variable, giver: *giver, place }))
            })
        });
        let mut ids: Vec<_> = found.collect();
        let Some((method, last)) = ids.last() else { return Vec::new() };
        if *method == "get" && ["put", "patch", "delete"].contains(&asked.method) {
            return Vec::new();
        }
        let before: Vec<usize> =
            std::iter::successors(Some(last.giver), |number| self.after.get(number).copied()).collect();
        ids.retain(|(_, id)| before.contains(&id.giver));
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// A session for each request that comes after no other, with its name and all that come after it. What deletes is
    /// last. Nothing if each request is for itself.
    pub fn sessions(&self, requests: &[ImportedRequest]) -> Vec<(String, Vec<String>)> {
        if self.after.is_empty() {
            return Vec::new();
        }
        let first = (0..requests.len()).filter(|number| !self.after.contains_key(number));
        let names = |number| self.from(number, requests).into_iter().map(|number| requests[number].name.clone());
        first.map(|number| (requests[number].name.clone(), names(number).collect())).collect()
    }

    fn from(&self, number: usize, requests: &[ImportedRequest]) -> Vec<usize> {
        let mut later: Vec<usize> =
            (self.after.iter()).filter(|(_, giver)| **giver == number).map(|it| *it.0).collect();
        later.sort_by_key(|number| {
            let ImportedRequest { method, path, .. } = &requests[*number];
            (method == "DELETE", method == "DELETE" && path.ends_with('}'))
        });
        [number].into_iter().chain(later.into_iter().flat_map(|number| self.from(number, requests))).collect()
    }
}

/// The parameters of a path that are a whole part of it, with the path above.
fn parameters(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.match_indices("/{").filter_map(move |(at, _)| {
        let (parameter, rest) = path[at + 2..].split_once('}')?;
        (rest.is_empty() || rest.starts_with('/')).then_some((&path[..at], parameter))
    })
}

/// A path whose parameters have no names: operations may name one differently.
fn nameless(path: &str) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "{}" + part.split_once('}').map_or("", |(_, rest)| rest))
}

/// The field that a parameter means, and its place in the answer to an operation.
fn answered(document: &Value, asked: &Asked<'_>, parameter: &str) -> Option<(String, String)> {
    let (_, response) = success(document, asked.operation)?;
    let schema = resolved(document, &response["content"]["application/json"]["schema"]);
    if asked.method == "post" {
        let field = field(document, schema, parameter)?;
        return Some((field.clone(), format!("$['{field}']")));
    }
    let listed = |schema: &Value, list: String| {
        let field = field(document, resolved(document, schema.get("items")?), parameter)?;
        Some((field.clone(), format!("${list}[0]['{field}']")))
    };
    listed(schema, String::new()).or_else(|| {
        let lists = schema["properties"].as_object()?.iter().filter(|(name, _)| is_word(name));
        lists.into_iter().find_map(|(name, schema)| listed(resolved(document, schema), format!("['{name}']")))
    })
}

/// The field of an object that a parameter means: the one of its name, or `id`.
fn field(document: &Value, schema: &Value, parameter: &str) -> Option<String> {
    let parts: Vec<&Value> = [schema].into_iter().chain(schema["allOf"].as_array().into_iter().flatten()).collect();
    let has = |part: &Value, field: &str| resolved(document, part)["properties"].get(field).is_some();
    let found = [parameter, "id"].into_iter().find(|field| parts.iter().any(|part| has(part, field)));
    found.filter(|field| is_word(field)).map(str::to_owned)
}

fn is_word(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_whole_parts_of_a_path() {
        let found: Vec<_> = parameters("/users/{user}/posts/{post}.json/{part}").collect();
        assert_eq!(found, [("/users", "user"), ("/users/{user}/posts/{post}.json", "part")]);
        assert_eq!(nameless("/users/{user}/posts/{post}.json"), "/users/{}/posts/{}.json");
        assert_eq!(nameless("/plain"), "/plain");
    }
}
