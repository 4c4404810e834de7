//! An OpenAPI 3 document in JSON: a request for each operation whose values are known, from examples and defaults, or
//! from the answers of other operations ([`ids`]).

mod ids;

use serde_json::{Map, Value};

use self::ids::{GivenId, IdSources};

use super::super::data::text_of;
use super::super::template::{Escape, Template};
use super::schema::{DEPTH, known, made_up, partial, promised, resolved, stated, success};
use super::words::{name, split_url};
use super::{Imported, ImportedRequest, value_of};

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head"];

/// Reads a document. What has a parameter without a value is left out.
pub fn import(text: &str) -> Result<Imported, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("no JSON document: {error}"))?;
    let version = document["openapi"].as_str().unwrap_or_default();
    if !version.starts_with("3.") {
        return Err("`openapi` is not 3.x: convert the document to OpenAPI 3 in JSON".to_owned());
    }
    let title = document["info"]["title"].as_str().unwrap_or("api");
    let server = document["servers"][0]["url"].as_str().unwrap_or("/");
    let (base_url, prefix) = match server.contains("://") {
        true => split_url(server)?,
        // A document without a server: whoever uses the scenario says where it runs.
        false => ("http://127.0.0.1:8080".to_owned(), server.to_owned()),
    };
    let mut imported = Imported { name: name(title, |_| false), base_url, ..Imported::default() };
    let (mut left, mut sources) = (Vec::new(), IdSources::default());
    let operations = operations(&document, prefix.trim_end_matches('/'));
    for asked in &operations {
        match request(&document, asked, &[]) {
            Ok(request) => {
                sources.add(asked, imported.requests.len(), &[]);
                add(&mut imported, &document, asked, request);
            }
            Err(why) => left.push((asked, why)),
        }
    }
    // Those that need ids come after the requests whose answers have them, level by level.
    loop {
        let (mut found, mut still) = (Vec::new(), Vec::new());
        for (asked, why) in left {
            let ids = sources.of(&document, asked, &imported.requests);
            match request(&document, asked, &ids) {
                Ok(request) => found.push((asked, ids, request)),
                Err(_) => still.push((asked, why)),
            }
        }
        left = still;
        if found.is_empty() {
            break;
        }
        for (asked, ids, request) in found {
            for GivenId { variable, giver, place, .. } in ids.iter().cloned() {
                let extract = &mut imported.requests[giver].extract;
                if !extract.iter().any(|(known, _)| *known == variable) {
                    extract.push((variable, place));
                }
            }
            sources.add(asked, imported.requests.len(), &ids);
            add(&mut imported, &document, asked, request);
        }
    }
    let left_out = left.iter().map(|(asked, why)| format!("{} {}: {why}", asked.method.to_uppercase(), asked.shown));
    imported.left_out.extend(left_out);
    imported.sessions = sources.sessions(&imported.requests);
    Ok(imported)
}

/// An operation of the document.
struct Asked<'a> {
    item: &'a Value,
    operation: &'a Value,
    method: &'static str,
    /// With the server's prefix.
    path: String,
    /// As in the document.
    shown: &'a str,
}

fn operations<'a>(document: &'a Value, prefix: &str) -> Vec<Asked<'a>> {
    let mut operations = Vec::new();
    for (shown, item) in document["paths"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{shown}");
        let known = METHODS.iter().filter_map(|method| Some((*method, item.get(method)?)));
        operations.extend(known.map(|(method, operation)| Asked {
            item,
            operation,
            method,
            path: path.clone(),
            shown,
        }));
    }
    operations
}

fn add(imported: &mut Imported, document: &Value, asked: &Asked<'_>, mut request: ImportedRequest) {
    imported.has_authorization |= needs_token(document, asked.operation);
    let Asked { operation, method, shown, .. } = asked;
    let wanted = operation["operationId"].as_str().map_or(format!("{method} {shown}"), str::to_owned);
    request.name = name(&wanted, |name| imported.requests.iter().any(|known| known.name == name));
    imported.requests.push(request);
}

/// A request with its values; `ids` of its path come from answers.
fn request(document: &Value, asked: &Asked<'_>, ids: &[GivenId]) -> Result<ImportedRequest, String> {
    let Asked { item, operation, method, path, .. } = asked;
    let put = |path: String, id: &GivenId| path.replace(&format!("{{{}}}", id.parameter), &value_of(&id.variable));
    let mut path = ids.iter().fold(path.to_owned(), put);
    let (mut query, mut headers) = (Vec::new(), Vec::new());
    let parameters = [item, operation].into_iter().filter_map(|owner| owner["parameters"].as_array()).flatten();
    let all: Vec<&Value> = parameters.map(|parameter| resolved(document, parameter)).collect();
    // One of the operation replaces the path's of the same name and place.
    let is_same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
    let is_last = |(at, one): &(usize, &&Value)| !all[at + 1..].iter().any(|other| is_same(one, other));
    for parameter in all.iter().enumerate().filter(is_last).map(|(_, parameter)| *parameter) {
        let name = parameter["name"].as_str().unwrap_or_default();
        if parameter["in"] == "path" && ids.iter().any(|id| id.parameter == name) {
            continue;
        }
        let is_required = parameter["required"].as_bool().unwrap_or(false);
        // Any value may be searched for, but an id that is made up is that of nothing.
        let may_be_made_up = is_required && parameter["in"] == "query";
        let values = known(document, parameter)
            .or_else(|| may_be_made_up.then(|| made_up(document, &parameter["schema"], DEPTH)).flatten())
            .and_then(|value| texts(&value));
        match (parameter["in"].as_str(), values) {
            (Some("path"), Some(values)) => {
                let values: Vec<String> = values.iter().map(|value| encoded(value)).collect();
                path = path.replace(&format!("{{{name}}}"), &values.join(","));
            }
            (Some("query"), Some(values)) => {
                query.extend(values.iter().map(|value| format!("{}={}", encoded(name), encoded(value))));
            }
            (Some("header"), Some(values)) => headers.push((name.to_ascii_lowercase(), values.join(","))),
            (Some("cookie"), Some(values)) => {
                headers.push(("cookie".to_owned(), format!("{name}={}", values.join(","))));
            }
            (_, None) if is_required => {
                return Err(format!("the parameter `{name}` has no example and no default"));
            }
            _ => {}
        }
    }
    let asked_for = ids.iter().fold(path.clone(), |path, id| path.replace(&value_of(&id.variable), ""));
    if let Some((_, rest)) = asked_for.split_once('{') {
        return Err(format!("the parameter `{}` is not described", rest.split('}').next().unwrap_or_default()));
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let body = body(document, resolved(document, &operation["requestBody"]), *method == "patch")?;
    if body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    let success = success(document, operation);
    let exists = success.map_or_else(Vec::new, |(_, response)| promised(document, response));
    let status = success.map(|(status, _)| status);
    let method = method.to_uppercase();
    Ok(ImportedRequest { method, path, headers, body, status, exists, ..ImportedRequest::default() })
}

/// The texts of a parameter's value, which is a single one or a list.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) if !values.is_empty() => values.iter().map(text_of).collect(),
        value => Some(vec![text_of(value)?]),
    }
}

/// An operation whose every way of authorization is a bearer token.
fn needs_token(document: &Value, operation: &Value) -> bool {
    let is_token = |name: &String| {
        let scheme = resolved(document, &document["components"]["securitySchemes"][name]);
        scheme["scheme"] == "bearer" || ["oauth2", "openIdConnect"].iter().any(|kind| scheme["type"] == *kind)
    };
    let ways = operation["security"].as_array().or_else(|| document["security"].as_array());
    let is_needed = |way: &Value| way.as_object().is_some_and(|way| way.keys().any(is_token));
    ways.is_some_and(|ways| !ways.is_empty() && ways.iter().all(is_needed))
}

fn body(document: &Value, body: &Value, is_partial: bool) -> Result<Option<String>, String> {
    if body.is_null() {
        return Ok(None);
    }
    let json = &body["content"]["application/json"];
    if json.is_null() {
        let kinds: Vec<&str> =
            body["content"].as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        return Err(format!("its body is {}, not application/json", kinds.join(" or ")));
    }
    let schema = &json["schema"];
    let made = || if is_partial { partial(document, schema) } else { made_up(document, schema, DEPTH) };
    let value = stated(json).or_else(made);
    value
        .map(|value| Some(value.to_string()))
        .ok_or_else(|| "its body has no example, and none could be made".to_owned())
}

fn encoded(value: &str) -> String {
    let place = Template::parse("{{value}}").expect("a template");
    place.render(Escape::Path, |_| Some(value)).expect("there is a value")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {"title": "A shop", "version": "1"},
            "servers": [{"url": "http://127.0.0.1:9000/v1"}],
            "paths": {
                "/items/{id}": {
                    "parameters": [{"$ref": "#/components/parameters/id"}],
                    "get": {
                        "operationId": "readItem",
                        "parameters": [
                            {"name": "q", "in": "query", "schema": {"type": "string", "default": "a b"}},
                            {"name": "more", "in": "query", "schema": {"type": "string"}},
                            {"name": "page", "in": "query", "required": true, "schema": {"type": "integer"}},
                            {"name": "tag", "in": "query", "example": ["new", "old"], "schema": {"type": "array"}},
                            {"name": "theme", "in": "cookie", "example": "dark", "schema": {"type": "string"}},
                        ],
                        "responses": {
                            "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}},
                            "404": {},
                        },
                    },
                },
                "/items": {
                    "post": {
                        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}},
                        "responses": {"201": {}},
                    },
                },
                "/notes/": {"post": {"responses": {"201": {"content": {"application/json": {"schema": {
                    "allOf": [{"$ref": "#/components/schemas/Item"}, {"properties": {"id": {"type": "integer"}}}],
                }}}}}}},
                "/notes/{note}": {
                    "parameters": [{"name": "note", "in": "path", "required": true, "schema": {"type": "integer"}}],
                    "delete": {"responses": {"204": {}}},
                    "get": {"operationId": "note", "responses": {"200": {}}},
                },
                "/upload": {"post": {"requestBody": {"content": {"multipart/form-data": {}}}}},
                "/users/{name}": {
                    "get": {"parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}]},
                },
            },
            "components": {
                "parameters": {"id": {"name": "id", "in": "path", "required": true, "example": 7}},
                "schemas": {"Item": {
                    "type": "object",
                    "required": ["name", "price", "tags"],
                    "properties": {
                        "name": {"type": "string", "examples": ["lamp"]},
                        "price": {"type": "number", "minimum": 2},
                        "tags": {"type": "array", "items": {"type": "string", "enum": ["new"]}},
                        "parent": {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Item"}]},
                    },
                }},
            },
        })
    }

    #[test]
    fn operations_with_known_values_are_requests() {
        let imported = import(&document().to_string()).unwrap();
        assert_eq!((imported.name.as_str(), imported.base_url.as_str()), ("a-shop", "http://127.0.0.1:9000"));
        let lines: Vec<String> =
            imported.requests.iter().map(|it| format!("{} {} {}", it.name, it.method, it.path)).collect();
        let expected = [
            "post-items POST /v1/items",
            "readitem GET /v1/items/7?q=a%20b&page=1&tag=new&tag=old",
            "post-notes POST /v1/notes/",
            "note GET /v1/notes/{{post-notes-id}}",
            "delete-notes-note DELETE /v1/notes/{{post-notes-id}}",
        ];
        assert_eq!(lines, expected);
        assert_eq!(imported.requests[2].extract, [("post-notes-id".to_owned(), "$['id']".to_owned())]);
        let names: Vec<String> =
            imported.sessions.iter().map(|(name, all)| format!("{name}: {}", all.join(" "))).collect();
        let expected =
            ["post-items: post-items", "readitem: readitem", "post-notes: post-notes note delete-notes-note"];
        assert_eq!(names, expected);
        let body: Value = serde_json::from_str(imported.requests[0].body.as_deref().unwrap()).unwrap();
        assert_eq!((&body["name"], &body["price"], &body["tags"]), (&json!("lamp"), &json!(2), &json!(["new"])));
        assert_eq!((imported.requests[0].status, imported.requests[1].status), (Some(201), Some(200)));
        let cookie = ("cookie".to_owned(), "theme=dark".to_owned());
        assert_eq!(imported.requests[1].headers, [cookie], "the caller tells of it");
        assert_eq!(
            (imported.requests[0].exists.len(), &imported.requests[1].exists[..]),
            (0, &["$['name']", "$['price']", "$['tags']"].map(str::to_owned)[..])
        );
        assert_eq!(
            imported.left_out,
            [
                "POST /upload: its body is multipart/form-data, not application/json",
                "GET /users/{name}: the parameter `name` has no example and no default",
            ]
        );
    }

    #[test]
    fn an_operation_may_need_a_token() {
        let schemes = json!({"jwt": {"type": "http", "scheme": "bearer"}, "key": {"type": "apiKey"}});
        let document = json!({"components": {"securitySchemes": schemes}});
        let needs = |security: Value| needs_token(&document, &json!({"security": security}));
        assert!(needs(json!([{"jwt": []}])));
        assert!(!needs(json!([{"jwt": []}, {}])), "it may be left out");
        assert!(!needs(json!([{"key": []}])));
        assert!(!needs_token(&document, &json!({})));
        assert!(needs_token(&json!({"security": [{"jwt": []}], "components": document["components"]}), &json!({})));
    }

    #[test]
    fn another_document_is_told() {
        assert!(import("{\"swagger\":\"2.0\"}").unwrap_err().contains("convert the document to OpenAPI 3"));
        assert!(import("openapi: 3.0.0").unwrap_err().starts_with("no JSON document"));
    }
}
