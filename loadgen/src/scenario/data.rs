//! Data sets: rows of values for the requests of a session, from a CSV file with a heading or from JSON Lines.
//!
//! A session takes the row of its place in the schedule, or one that its place draws, so that the same seed sends the
//! same values, on one generator or on several.

use std::collections::BTreeMap;

use serde_json::Value;

/// Rows by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl DataSet {
    /// Reads the text of a file, whose name tells the format. The error has the line.
    pub fn parse(name: &str, text: &str) -> Result<DataSet, String> {
        let set = match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "csv" => csv(text)?,
            "jsonl" | "ndjson" => json_lines(text)?,
            _ => return Err("its name must end in .csv or .jsonl".to_owned()),
        };
        if set.rows.is_empty() { Err("it has no rows: add one".to_owned()) } else { Ok(set) }
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows, which is over 0.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The value of a column in a row.
    pub fn value(&self, column: &str, row: usize) -> Option<&str> {
        let column = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(column).map(String::as_str)
    }
}

/// RFC 4180: quotes around a value, doubled inside of it.
fn csv(text: &str) -> Result<DataSet, String> {
    let mut records: Vec<(usize, Vec<String>)> = Vec::new();
    let (mut record, mut value, mut quoted, mut line, mut first_line) = (Vec::new(), String::new(), false, 1, 1);
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = characters.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => value.extend(characters.next()),
            '"' if quoted || value.is_empty() => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut value)),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut value));
                records.push((first_line, std::mem::take(&mut record)));
                first_line = line;
            }
            other => value.push(other),
        }
    }
    if quoted {
        return Err(format!("line {first_line}: a quote is not closed: add it"));
    }
    if !value.is_empty() || !record.is_empty() {
        record.push(value);
        records.push((first_line, record));
    }
    records.retain(|(_, record)| record.iter().any(|value| !value.is_empty()));
    let mut records = records.into_iter();
    let columns = records.next().map(|(_, columns)| columns).unwrap_or_default();
    let mut rows = Vec::new();
    for (line, row) in records {
        if row.len() != columns.len() {
            return Err(format!("line {line}: {} values for {} columns", row.len(), columns.len()));
        }
        rows.push(row);
    }
    Ok(DataSet { columns, rows })
}

/// One object per line; the first has all columns.
fn json_lines(text: &str) -> Result<DataSet, String> {
    let (mut columns, mut rows) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let object: BTreeMap<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("line {number}: no JSON object: {error}"))?;
        if columns.is_empty() {
            columns = object.keys().cloned().collect();
        }
        let value = |column: &String| {
            let value = object.get(column).ok_or_else(|| format!("line {number}: no `{column}`, which line 1 has"))?;
            text_of(value).ok_or_else(|| format!("line {number}: `{column}` is no single value"))
        };
        rows.push(columns.iter().map(value).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(DataSet { columns, rows })
}

/// The text of a single value.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_columns() {
        let csv = DataSet::parse("u.csv", "name,city\r\n\"a, \"\"b\"\"\",Rome\nc,\"two\nlines\"\n\n").unwrap();
        assert_eq!(csv.columns(), ["name", "city"]);
        assert_eq!(csv.value("name", 0), Some("a, \"b\""));
        assert_eq!(csv.value("city", 1), Some("two\nlines"));
        assert_eq!((csv.rows(), csv.value("city", 0)), (2, Some("Rome")));
        assert_eq!((csv.value("street", 0), csv.value("city", 2)), (None, None));
        let lines =
            DataSet::parse("u.jsonl", "{\"id\":7,\"ok\":true}\n\n{\"ok\":false,\"id\":8,\"more\":1}\n").unwrap();
        assert_eq!((lines.value("id", 1), lines.value("ok", 0)), (Some("8"), Some("true")));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = |name, text| DataSet::parse(name, text).unwrap_err();
        assert_eq!(error("u.csv", "a,b\n1,2\n3\n"), "line 3: 1 values for 2 columns");
        assert_eq!(error("u.csv", "a,b\n\"1,2\n"), "line 2: a quote is not closed: add it");
        assert_eq!(error("u.csv", "a,b\n"), "it has no rows: add one");
        assert_eq!(error("u.txt", "a"), "its name must end in .csv or .jsonl");
        assert_eq!(error("u.jsonl", "{\"a\":1}\n{\"b\":1}\n"), "line 2: no `a`, which line 1 has");
        assert_eq!(error("u.jsonl", "{\"a\":[1]}\n"), "line 1: `a` is no single value");
        assert!(error("u.jsonl", "{\"a\":1}\nx\n").starts_with("line 2: no JSON object"));
    }
}
