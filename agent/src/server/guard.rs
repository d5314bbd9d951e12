//! Who may ask. The Host comes first: under DNS rebinding the Origin is as false as it is. Then the exact Origin;
//! the secret is the socket's matter.

use foretune_core::wire::{Refusal, Rule};

/// Names by which this computer's loopback address is reached.
const OWN_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// From where a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The page that this agent carries.
    OwnPage,
    /// A page that `--allow-origin` names.
    OtherPage,
    /// A program: browsers always say where a page's socket comes from.
    Program,
}

#[derive(Debug, Clone)]
pub struct Guard {
    port: u16,
    allowed: Vec<String>,
}

impl Guard {
    pub fn new(port: u16, allowed: Vec<String>) -> Self {
        Self { port, allowed }
    }

    pub fn own_address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// A page of another site that points its name at 127.0.0.1 (DNS rebinding) carries its own name here.
    pub fn check_host(&self, host: Option<&str>) -> Result<(), Refusal> {
        let is_ours =
            host.is_some_and(|host| OWN_NAMES.iter().any(|name| host == format!("{name}:{}", self.port)));
        if is_ours {
            return Ok(());
        }
        let message = match host {
            Some(host) => format!("the Host header names another address, {}", shown(host)),
            None => "the request has no Host header".to_owned(),
        };
        Err(Refusal::new(Rule::Host, message).with_fix(format!("open {} instead", self.own_address())))
    }

    pub fn check_origin(&self, origin: Option<&str>) -> Result<Caller, Refusal> {
        let Some(origin) = origin else { return Ok(Caller::Program) };
        if OWN_NAMES.iter().any(|name| origin == format!("http://{name}:{}", self.port)) {
            return Ok(Caller::OwnPage);
        }
        if self.allowed.iter().any(|allowed| allowed == origin) {
            return Ok(Caller::OtherPage);
        }
        let message = format!("pages of {} may not use this agent", shown(origin));
        let refusal = Refusal::new(Rule::Origin, message);
        Err(match parse_origin(origin) {
            Ok(origin) => refusal.with_fix(format!(
                "if you trust that page, start the agent with --allow-origin {}; or open {}",
                shown(&origin),
                self.own_address()
            )),
            Err(_) => refusal.with_fix(format!("open {} instead", self.own_address())),
        })
    }
}

/// A header as a message may show it.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// An origin as browsers write it: scheme, host and port, nothing else.
pub fn parse_origin(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain = |host: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        !host.is_empty() && host.chars().all(legal) && !host.starts_with(':')
    };
    match host {
        Some(host) if is_plain(host) => Ok(text.to_ascii_lowercase()),
        _ => Err("expected the address of one site, such as https://foretune.example; neither * nor a path"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_addresses_are_hosts() {
        let guard = Guard::new(7878, Vec::new());
        for host in ["127.0.0.1:7878", "localhost:7878", "[::1]:7878"] {
            assert!(guard.check_host(Some(host)).is_ok(), "{host}");
        }
        for host in [
            "evil.example:7878",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost:78780",
            "localhost.evil.example:7878",
            "127.0.0.1:7878.evil.example",
            "0.0.0.0:7878",
            "::1:7878",
            "",
        ] {
            assert_eq!(guard.check_host(Some(host)).unwrap_err().rule, Rule::Host, "{host}");
        }
        assert!(guard.check_host(None).unwrap_err().fix.contains("http://127.0.0.1:7878/"));
    }

    #[test]
    fn origins_are_compared_whole() {
        let guard = Guard::new(7878, vec!["https://foretune.example".to_owned()]);
        let caller = |origin: &str| guard.check_origin(Some(origin)).map_err(|refusal| refusal.rule);
        assert_eq!(caller("http://localhost:7878"), Ok(Caller::OwnPage));
        assert_eq!(caller("https://foretune.example"), Ok(Caller::OtherPage));
        for origin in [
            "null",
            "https://foretune.example.evil.example",
            "https://evil.example",
            "http://foretune.example",
            "https://foretune.example:8443",
            "http://localhost:7879",
            "https://localhost:7878",
            "http://localhost",
            "",
        ] {
            assert_eq!(caller(origin), Err(Rule::Origin), "{origin}");
        }
        assert_eq!(guard.check_origin(None), Ok(Caller::Program));
        let fix = guard.check_origin(Some("https://evil.example")).unwrap_err().fix;
        assert!(fix.contains("--allow-origin https://evil.example"), "{fix}");
    }

    #[test]
    fn an_allowed_origin_is_one_site() {
        assert_eq!(parse_origin("https://Foretune.example/").unwrap(), "https://foretune.example");
        for text in
            ["*", "null", "https://*", "foretune.example", "https://a.example/page", "file:///x", "https://"]
        {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }
}
