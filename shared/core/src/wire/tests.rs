use super::*;

#[test]
fn every_example_survives_the_way_there_and_back() {
    let names: Vec<&str> = examples::client().iter().map(|one| one.message.name()).collect();
    assert_eq!(names, ClientMessage::NAMES);
    for example in examples::client() {
        let text = serde_json::to_string(&example).unwrap();
        assert_eq!(read_client(&text).unwrap(), example, "{text}");
        assert!(text.contains(&format!(r#""type":"{}""#, example.message.name())), "{text}");
    }
    for example in examples::server() {
        let text = example.to_json();
        let back: FromServer = serde_json::from_str(&text).unwrap();
        // NaN is not equal to itself, its text is.
        assert_eq!(back.to_json(), text);
        assert!(text.contains(&format!(r#""type":"{}""#, example.message.name())), "{text}");
    }
    for body in examples::events() {
        let text = serde_json::to_string(&examples::event(body.clone())).unwrap();
        let back: JobEvent = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        assert!(text.contains(&format!(r#""kind":"{}""#, body.name())), "{text}");
    }
    for job in examples::jobs() {
        let text = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<JobSpec>(&text).unwrap(), job);
        assert!(text.contains(&format!(r#""kind":"{}""#, job.name())), "{text}");
    }
}

#[test]
fn a_message_that_cannot_be_read_is_refused_by_its_rule() {
    let rule = |text: &str| read_client(text).unwrap_err().1.rule;
    assert_eq!(rule("{"), Rule::Malformed);
    assert_eq!(rule("[]"), Rule::UnknownMessage);
    assert_eq!(rule(r#"{"type":"format_disk"}"#), Rule::UnknownMessage);
    assert_eq!(rule(r#"{"type":"subscribe","job":"seven"}"#), Rule::Malformed);
    assert_eq!(rule(&format!(r#"{{"type":"ping","x":"{}"}}"#, "x".repeat(1 << 20))), Rule::MessageTooLarge);
    assert_eq!(rule(&"[".repeat(100_000)), Rule::Malformed);
    let long = "x".repeat(5000);
    assert_eq!(
        rule(&format!(r#"{{"type":"hello","protocol":1,"min_version":1,"token":"{long}"}}"#)),
        Rule::Malformed
    );
    let probe = r#"{"type":"start","job":{"kind":"probe","data":{"path":"a\u0000b"},"model":"tiny"}}"#;
    assert_eq!(rule(probe), Rule::Malformed);
    let typo =
        r#"{"type":"start","job":{"kind":"probe","data":{"path":"a"},"model":"tiny","recipe":{"lr":1}}}"#;
    let (_, refusal) = read_client(typo).unwrap_err();
    assert!(refusal.message.contains("lr"), "{refusal}");
    let long_key = format!(r#"{{"type":"start","job":{{"kind":"check","{long}":1}}}}"#);
    assert!(read_client(&long_key).unwrap_err().1.message.len() < 1100);
    assert_eq!(read_client(r#"{"id":9,"type":"nothing"}"#).unwrap_err().0, Some(9));
}

#[test]
fn the_newest_common_version_is_spoken_or_the_older_side_is_named() {
    let sides = |protocol, min_version| Versions { protocol, min_version };
    assert_eq!(negotiate(sides(3, 2), sides(3, 1)).unwrap(), 3);
    assert_eq!(negotiate(sides(3, 2), sides(2, 1)).unwrap(), 2);
    assert_eq!(negotiate(sides(3, 2), sides(9, 1)).unwrap(), 3);
    assert_eq!(negotiate(sides(3, 2), sides(1, 1)).unwrap_err().rule, Rule::ClientTooOld);
    assert_eq!(negotiate(sides(3, 2), sides(9, 4)).unwrap_err().rule, Rule::AgentTooOld);
}

#[test]
fn rules_have_different_names_and_say_what_to_do() {
    for (index, rule) in Rule::ALL.iter().enumerate() {
        assert!(!rule.meaning().is_empty() && !rule.fix().is_empty());
        assert!(Rule::ALL[..index].iter().all(|other| other.name() != rule.name()));
        let text = serde_json::to_string(rule).unwrap();
        assert_eq!(text, format!("\"{}\"", rule.name()));
    }
}

#[test]
fn a_model_by_its_place_is_a_path() {
    let names = |model: &str| JobSpec::Pull(PullSpec { model: model.into() }).names_paths();
    assert!(!names("tiny") && !names("Qwen/Qwen2.5-0.5B"));
    for path in ["/models/a", "./a", "../a", "a/../../b", "~/a", "C:\\a"] {
        assert!(names(path), "{path}");
    }
}
