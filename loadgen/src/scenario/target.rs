//! The table `[target]`: what kind of server it is, and how connections to it are made.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use toml::Spanned;

use super::definition::TargetEntry;
use super::error::{ScenarioError, error_at};
use crate::send::http::{Authorization, ConnectionSettings};

/// A server and its connections.
#[derive(Debug)]
pub struct ScenarioTarget {
    pub kind: TargetKind,
    is_reused: bool,
    authorities: Option<Vec<u8>>,
    authorization: Option<AuthorizationSource>,
}

/// The kind of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// Any HTTP service.
    Http,
    /// Tools over MCP's streamable HTTP, at this path.
    McpOverHttp(String),
    /// Tools over MCP on stdin and stdout of this command, which is started for the run.
    McpOverStdio(Vec<String>),
}

/// The environment variable with a secret: a scenario is committed, and everybody on the machine sees arguments.
#[derive(Debug, Clone)]
enum AuthorizationSource {
    Bearer(String),
    Basic(String),
}

impl ScenarioTarget {
    /// Reads the table.
    pub fn read(
        entry: &TargetEntry,
        mut read_data: impl FnMut(&Path) -> Result<String, String>,
    ) -> Result<ScenarioTarget, ScenarioError> {
        let authorization = match (&entry.bearer_from, &entry.basic_from) {
            (Some(_), Some(basic)) => {
                return error_at(
                    basic.span(),
                    "there is one authorization: use `bearer_from` or `basic_from`".to_owned(),
                );
            }
            (Some(variable), _) => Some(AuthorizationSource::Bearer(variable.get_ref().clone())),
            (_, Some(variable)) => Some(AuthorizationSource::Basic(variable.get_ref().clone())),
            _ => None,
        };
        let kind = match (&entry.mcp, &entry.command) {
            (Some(_), Some(command)) => {
                return error_at(command.span(), "there is one server: use `mcp` or `command`".to_owned());
            }
            (Some(path), _) if !path.get_ref().starts_with('/') => {
                return error_at(path.span(), format!("the path `{}` must begin with /", path.get_ref()));
            }
            (Some(path), _) => TargetKind::McpOverHttp(path.get_ref().clone()),
            (_, Some(command)) if command.get_ref().is_empty() => {
                return error_at(command.span(), "the command is empty: name a program".to_owned());
            }
            (_, Some(command)) => TargetKind::McpOverStdio(command.get_ref().clone()),
            _ => TargetKind::Http,
        };
        let authorities = entry.authorities.as_ref().map(|file: &Spanned<_>| {
            let read = read_data(file.get_ref()).map(String::into_bytes);
            let shown = file.get_ref().display();
            read.map_err(|why| ScenarioError { at: file.span().start, message: format!("{shown}: {why}") })
        });
        Ok(ScenarioTarget {
            kind,
            is_reused: entry.reuse.unwrap_or(true),
            authorities: authorities.transpose()?,
            authorization,
        })
    }

    /// The connections, with the secret that `variable` gives.
    pub fn connection(&self, variable: impl Fn(&str) -> Option<String>) -> Result<ConnectionSettings> {
        let secret = |name: &str| {
            let remedy = "the scenario takes its authorization from it";
            variable(name).ok_or_else(|| anyhow!("the environment variable {name} is not set: {remedy}"))
        };
        let authorization = match &self.authorization {
            Some(AuthorizationSource::Bearer(name)) => {
                Some(Authorization::bearer(&secret(name)?).with_context(|| name.clone())?)
            }
            Some(AuthorizationSource::Basic(name)) => {
                Some(Authorization::basic(&secret(name)?).with_context(|| name.clone())?)
            }
            None => None,
        };
        let (is_reused, authorities) = (self.is_reused, self.authorities.clone());
        Ok(ConnectionSettings { is_reused, authorities, authorization })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ScenarioTarget, String> {
        let entry: TargetEntry = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        ScenarioTarget::read(&entry, |_| Err("can't be read: there is none".to_owned())).map_err(|it| it.message)
    }

    #[test]
    fn a_target_has_its_kind_and_its_connections() {
        let plain = read("").unwrap();
        let connection = plain.connection(|_| None).unwrap();
        assert_eq!((plain.kind, connection.is_reused), (TargetKind::Http, true));
        let other = read("reuse = false\nmcp = '/mcp'\nbearer_from = 'TOKEN'").unwrap();
        let connection = other.connection(|name| (name == "TOKEN").then(|| "t".to_owned())).unwrap();
        assert!(!connection.is_reused && connection.authorization.is_some());
        assert_eq!(other.kind, TargetKind::McpOverHttp("/mcp".to_owned()));
        let stdio = read("command = ['memory-mcp', '--variant', 'store=memory']").unwrap();
        assert!(matches!(stdio.kind, TargetKind::McpOverStdio(words) if words.len() == 3));
    }

    #[test]
    fn what_is_wrong_has_a_remedy() {
        let error = |text| read(text).unwrap_err();
        assert_eq!(
            error("bearer_from = 'A'\nbasic_from = 'B'"),
            "there is one authorization: use `bearer_from` or `basic_from`"
        );
        assert_eq!(error("mcp = '/m'\ncommand = ['m']"), "there is one server: use `mcp` or `command`");
        assert_eq!(error("mcp = 'm'"), "the path `m` must begin with /");
        assert_eq!(error("command = []"), "the command is empty: name a program");
        assert_eq!(error("authorities = 'ca.pem'"), "ca.pem: can't be read: there is none");
        let missing = read("basic_from = 'LOGIN'").unwrap().connection(|_| None).unwrap_err();
        assert!(missing.to_string().starts_with("the environment variable LOGIN is not set"), "{missing}");
        let bad = read("basic_from = 'LOGIN'").unwrap().connection(|_| Some("s3cret".to_owned())).unwrap_err();
        let bad = format!("{bad:#}");
        assert!(bad.contains("LOGIN: it has no `:`") && !bad.contains("s3cret"), "{bad}");
    }
}
