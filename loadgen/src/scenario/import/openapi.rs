//! An OpenAPI 3 document in JSON: a request for each operation whose values are known, from examples and defaults.

use serde_json::{Map, Value, json};

use super::words::{name, split_url};
use super::{Imported, ImportedRequest};

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head"];

/// The depth of schemas that are followed; recursive ones end there.
const DEPTH: usize = 8;

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
    let none = Map::new();
    for (path, item) in document["paths"].as_object().unwrap_or(&none) {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let read = request(&document, item, operation, method, &format!("{}{path}", prefix.trim_end_matches('/')));
            match read {
                Ok(mut request) => {
                    let wanted = operation["operationId"].as_str().map_or(format!("{method} {path}"), str::to_owned);
                    request.name = name(&wanted, |name| imported.requests.iter().any(|known| known.name == name));
                    imported.requests.push(request);
                }
                Err(why) => imported.left_out.push(format!("{} {path}: {why}", method.to_uppercase())),
            }
        }
    }
    Ok(imported)
}

fn request(
    document: &Value,
    item: &Value,
    operation: &Value,
    method: &str,
    path: &str,
) -> Result<ImportedRequest, String> {
    let mut path = path.to_owned();
    let (mut query, mut headers) = (Vec::new(), Vec::new());
    let parameters = [item, operation].into_iter().filter_map(|owner| owner["parameters"].as_array()).flatten();
    for parameter in parameters.map(|parameter| resolved(document, parameter)) {
        let name = parameter["name"].as_str().unwrap_or_default();
        let is_required = parameter["required"].as_bool().unwrap_or(false);
        let value = known(document, parameter).and_then(|value| super::super::data::text_of(&value));
        match (parameter["in"].as_str(), value) {
            (Some("path"), Some(value)) => path = path.replace(&format!("{{{name}}}"), &encoded(&value)),
            (Some("query"), Some(value)) => query.push(format!("{}={}", encoded(name), encoded(&value))),
            (Some("header"), Some(value)) => headers.push((name.to_ascii_lowercase(), value)),
            (_, None) if is_required => {
                return Err(format!("the parameter `{name}` has no example and no default"));
            }
            _ => {}
        }
    }
    if let Some((_, rest)) = path.split_once('{') {
        return Err(format!("the parameter `{}` is not described", rest.split('}').next().unwrap_or_default()));
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let body = body(document, resolved(document, &operation["requestBody"]))?;
    if body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    let responses = operation["responses"].as_object();
    let status = responses.and_then(|all| all.keys().find_map(|status| status.parse().ok().filter(|it| *it < 300)));
    Ok(ImportedRequest { name: String::new(), method: method.to_uppercase(), path, headers, body, status })
}

fn body(document: &Value, body: &Value) -> Result<Option<String>, String> {
    if body.is_null() {
        return Ok(None);
    }
    let json = &body["content"]["application/json"];
    if json.is_null() {
        let kinds: Vec<&str> =
            body["content"].as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        return Err(format!("its body is {}, not application/json", kinds.join(" or ")));
    }
    let value = stated(json).or_else(|| made_up(document, &json["schema"], DEPTH));
    value
        .map(|value| Some(value.to_string()))
        .ok_or_else(|| "its body has no example, and none could be made".to_owned())
}

/// The value of a parameter: an example, the default, or one of its schema.
fn known(document: &Value, parameter: &Value) -> Option<Value> {
    stated(parameter).or_else(|| {
        let schema = resolved(document, &parameter["schema"]);
        stated(schema).or_else(|| schema["enum"].get(0).cloned())
    })
}

/// An example or a default.
fn stated(of: &Value) -> Option<Value> {
    let present = |value: &Value| if value.is_null() { None } else { Some(value.clone()) };
    let first = |examples: &Value| match examples {
        Value::Array(all) => all.first().cloned(),
        Value::Object(all) => all.values().next().map(|example| example["value"].clone()),
        _ => None,
    };
    present(&of["example"]).or_else(|| first(&of["examples"])).or_else(|| present(&of["default"]))
}

/// A value of a schema: what it states, and otherwise the plainest value of its type.
fn made_up(document: &Value, schema: &Value, depth: usize) -> Option<Value> {
    let schema = resolved(document, schema);
    if depth == 0 {
        return None;
    }
    if let Some(value) = stated(schema).or_else(|| schema["enum"].get(0).cloned()) {
        return Some(value);
    }
    if let Some(choice) = ["anyOf", "oneOf"].iter().find_map(|key| schema[*key].as_array()) {
        return choice.iter().find_map(|schema| made_up(document, schema, depth - 1));
    }
    if let Some(all) = schema["allOf"].as_array() {
        let mut fields = Map::new();
        for part in all {
            fields.extend(made_up(document, part, depth - 1)?.as_object()?.clone());
        }
        return Some(Value::Object(fields));
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("string") => Some(json!(match schema["format"].as_str() {
            Some("date") => "2026-01-01",
            Some("date-time") => "2026-01-01T00:00:00Z",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            Some("email") => "name@example.invalid",
            _ => "text",
        })),
        Some("integer" | "number") => Some(schema.get("minimum").cloned().unwrap_or(json!(1))),
        Some("boolean") => Some(json!(true)),
        Some("array") => Some(match made_up(document, &schema["items"], depth - 1) {
            Some(item) => json!([item]),
            None => json!([]),
        }),
        Some("object") | None if schema["properties"].is_object() => {
            let required: Vec<&str> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let mut fields = Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                match made_up(document, field, depth - 1) {
                    Some(value) => {
                        fields.insert(name.clone(), value);
                    }
                    None if required.contains(&name.as_str()) => return None,
                    None => {}
                }
            }
            Some(Value::Object(fields))
        }
        Some("object") => Some(json!({})),
        _ => None,
    }
}

/// What a `$ref` within the document refers to; bounded, as references may refer to each other.
fn resolved<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    for _ in 0..DEPTH {
        match value["$ref"].as_str().and_then(|it| it.strip_prefix('#')).and_then(|it| document.pointer(it)) {
            Some(target) => value = target,
            None => return value,
        }
    }
    value
}

fn encoded(value: &str) -> String {
    use super::super::template::{Escape, Template};
    let place = Template::parse("{{value}}").expect("a template");
    place.render(Escape::Path, |_| Some(value)).expect("there is a value")
}

#[cfg(test)]
mod tests {
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
                        ],
                        "responses": {"200": {}, "404": {}},
                    },
                },
                "/items": {
                    "post": {
                        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}},
                        "responses": {"201": {}},
                    },
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
                    "required": ["name"],
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
        assert_eq!(lines, ["post-items POST /v1/items", "readitem GET /v1/items/7?q=a%20b"]);
        let body: Value = serde_json::from_str(imported.requests[0].body.as_deref().unwrap()).unwrap();
        assert_eq!((&body["name"], &body["price"], &body["tags"]), (&json!("lamp"), &json!(2), &json!(["new"])));
        assert_eq!((imported.requests[0].status, imported.requests[1].status), (Some(201), Some(200)));
        assert_eq!(
            imported.left_out,
            [
                "POST /upload: its body is multipart/form-data, not application/json",
                "GET /users/{name}: the parameter `name` has no example and no default",
            ]
        );
    }

    #[test]
    fn another_document_is_told() {
        assert!(import("{\"swagger\":\"2.0\"}").unwrap_err().contains("convert the document to OpenAPI 3"));
        assert!(import("openapi: 3.0.0").unwrap_err().starts_with("no JSON document"));
    }
}
