//! One row for every shape, and one row for every way a shape goes wrong.
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

use foretune_core::json::parse_strict;
use foretune_core::schema::{Mapping, SchemaKind, convert};

/// Kind, turns as `role:text` (a star marks trained ones), problems as `code@path`.
fn shape(row: &str) -> (Option<&'static str>, Vec<String>, Vec<String>) {
    mapped(row, None)
}

fn mapped(row: &str, mapping: Option<&Mapping>) -> (Option<&'static str>, Vec<String>, Vec<String>) {
    let value = parse_strict(row).unwrap();
    let mut problems = Vec::new();
    let converted = convert(&value, mapping, &mut problems);
    let turns = converted.iter().flat_map(|converted| &converted.example.turns).map(|turn| {
        let role = serde_json::to_value(turn.role).unwrap();
        format!("{}{}:{}", role.as_str().unwrap(), if turn.trained { "*" } else { "" }, turn.text)
    });
    let turns = turns.collect();
    let problems =
        problems.iter().map(|problem| format!("{}@{}", problem.code.name(), problem.path)).collect();
    (converted.map(|converted| converted.kind.name()), turns, problems)
}

#[test]
fn every_shape_is_recognised_and_clean() {
    let fixtures: &[(&str, &str, &[&str])] = &[
        (r#"{"instruction":"i","input":"x","output":"o"}"#, "alpaca", &["user:i\nx", "assistant*:o"]),
        (
            r#"{"instruction":"i","input":"","output":"o","system":"s","history":[["q","a"]]}"#,
            "alpaca",
            &["system:s", "user:q", "assistant*:a", "user:i", "assistant*:o"],
        ),
        (
            r#"{"instruction":"i","input":"x","response":"o"}"#,
            "alpaca_response",
            &["user:i\nx", "assistant*:o"],
        ),
        (r#"{"instruction":"i","context":"","response":"o"}"#, "dolly", &["user:i", "assistant*:o"]),
        (r#"{"question":"q","answer":"a"}"#, "question_answer", &["user:q", "assistant*:a"]),
        (r#"{"INSTRUCTION":"q","RESPONSE":"a"}"#, "oasst", &["user:q", "assistant*:a"]),
        (
            r#"{"system_prompt":"s","question":"q","response":"a"}"#,
            "orca",
            &["system:s", "user:q", "assistant*:a"],
        ),
        (r#"{"article":"t","summary":"s"}"#, "summary", &["user:t", "assistant*:s"]),
        (
            r#"{"article":"t","question":"q","answer":"a"}"#,
            "context_question",
            &["user:t\nq", "assistant*:a"],
        ),
        (
            r#"{"question":"q","choices":["A","B"],"solution":"A","explanation":"why"}"#,
            "multiple_choice",
            &["user:q\nA\nB", "assistant*:A\nwhy"],
        ),
        (r#"{"message_1":"q","message_2":"a"}"#, "message_pair", &["user:q", "assistant*:a"]),
        (r#"{"prompt":"p","completion":"c"}"#, "prompt_completion", &["user:p", "assistant*:c"]),
        (
            r#"{"prompt":[{"role":"user","content":"p"}],"completion":[{"role":"assistant","content":"c"}]}"#,
            "prompt_completion_chat",
            &["user:p", "assistant*:c"],
        ),
        (
            r#"{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"h"},{"from":"function_call","value":"{}"},{"from":"observation","value":"o"},{"from":"gpt","value":"g"}],"tools":"[{\"name\":\"f\"}]"}"#,
            "sharegpt",
            &["system:s", "user:h", "tool_call*:{}", "tool_result:o", "assistant*:g"],
        ),
        (
            r#"{"messages":[{"role":"developer","content":"s"},{"role":"user","content":[{"type":"text","text":"h"}],"name":"n"},{"role":"assistant","content":"g","weight":0},{"role":"user","content":"h2"},{"role":"assistant","content":"g2","weight":1}]}"#,
            "messages",
            &["system:s", "user:h", "assistant:g", "user:h2", "assistant*:g2"],
        ),
        (
            r#"{"messages":[{"role":"user","content":"h"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"r"},{"role":"assistant","content":"g"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#,
            "messages",
            &["user:h", "tool_call*:{\"name\": \"f\", \"arguments\": {}}", "tool_result:r", "assistant*:g"],
        ),
        (
            r#"{"conversations":[{"role":"user","content":"h"},{"role":"assistant","content":"g"}]}"#,
            "messages",
            &["user:h", "assistant*:g"],
        ),
        (
            r#"[{"role":"user","content":"h"},{"role":"assistant","content":"g"}]"#,
            "bare_messages",
            &["user:h", "assistant*:g"],
        ),
        (
            r#"{"segments":[{"text":"a","label":false},{"text":"b","label":true}]}"#,
            "segments",
            &["plain:a", "plain*:b"],
        ),
        (r#"{"text":"t"}"#, "text", &["plain*:t"]),
        (r#"{"input_ids":[1,2],"attention_mask":[1,1],"labels":[-100,2]}"#, "tokenised", &[]),
        (r#"{"prompt":"p","chosen":"c","rejected":"r"}"#, "preference", &["user:p", "assistant*:c"]),
        (
            r#"{"chosen":"Q: x A: yes","rejected":"Q: x A: no"}"#,
            "preference",
            &["user:Q: x A:", "assistant*: yes"],
        ),
        (
            r#"{"chosen":[{"role":"user","content":"p"},{"role":"assistant","content":"c"}],"rejected":[{"role":"user","content":"p"},{"role":"assistant","content":"r"}]}"#,
            "preference_chat",
            &["user:p", "assistant*:c"],
        ),
        (
            r#"{"instruction":"i","input":"","chosen":"c","rejected":"r"}"#,
            "preference_alpaca",
            &["user:i", "assistant*:c"],
        ),
        (
            r#"{"conversations":[{"from":"human","value":"h"}],"chosen":{"from":"gpt","value":"c"},"rejected":{"from":"gpt","value":"r"}}"#,
            "preference_sharegpt",
            &["user:h", "assistant*:c"],
        ),
        (
            r#"{"input":{"messages":[{"role":"user","content":"h"}]},"preferred_output":[{"role":"assistant","content":"c"}],"non_preferred_output":[{"role":"assistant","content":"r"}]}"#,
            "preference_openai",
            &["user:h", "assistant*:c"],
        ),
        (
            r#"{"prompt":"p","chosen_response":"c","rejected_response":"r"}"#,
            "preference_responses",
            &["user:p", "assistant*:c"],
        ),
        (
            r#"{"prompt":"p","text":"c","rejected_text":"r"}"#,
            "preference_autotrain",
            &["user:p", "assistant*:c"],
        ),
        (r#"{"prompt":"p","completion":"c","label":true}"#, "unpaired", &["user:p", "assistant*:c"]),
        (
            r#"{"prompt":[{"role":"user","content":"p"}],"completion":[{"role":"assistant","content":"c"}],"label":false}"#,
            "unpaired_chat",
            &["user:p", "assistant*:c"],
        ),
        (
            r#"{"instruction":"i","output":"o","kto_tag":true}"#,
            "unpaired_alpaca",
            &["user:i", "assistant*:o"],
        ),
        (
            r#"{"conversations":[{"from":"human","value":"h"},{"from":"gpt","value":"g"}],"kto_tag":false}"#,
            "unpaired_sharegpt",
            &["user:h", "assistant*:g"],
        ),
        (
            r#"{"messages":[{"role":"user","content":"h"},{"role":"assistant","content":"g"}],"kto_tag":true}"#,
            "unpaired_messages",
            &["user:h", "assistant*:g"],
        ),
    ];
    for (row, kind, turns) in fixtures {
        let (found_kind, found_turns, problems) = shape(row);
        assert_eq!(found_kind, Some(*kind), "{row}");
        assert_eq!(found_turns, *turns, "{row}");
        assert_eq!(problems, [] as [&str; 0], "{row}");
    }
    for kind in SchemaKind::ALL {
        assert!(fixtures.iter().any(|(_, name, _)| *name == kind.name()), "{} has no fixture", kind.name());
    }
}

#[test]
fn every_flaw_is_named_by_its_path() {
    let fixtures: &[(&str, &[&str])] = &[
        (r"7", &["wrong_type@"]),
        (r"{}", &["no_schema@"]),
        (r#"{"v1":"ham","v2":"hello"}"#, &["no_schema@"]),
        (r#"{"text":"t","label":1}"#, &["no_schema@"]),
        (r#"{"instruction":"i"}"#, &["missing_key@output"]),
        (r#"{"instruction":null,"output":"o"}"#, &["missing_key@instruction"]),
        (r#"{"instruction":"i","output":7}"#, &["wrong_type@output"]),
        (
            r#"{"instruction":" ","input":"","output":"\n"}"#,
            &["empty_prompt@instruction", "empty_answer@output"],
        ),
        (r#"{"instruction":"i","output":"o","id":3}"#, &["unknown_key@id"]),
        (r#"{"instruction":"i","output":"o","id":null}"#, &[]),
        (r#"{"instruction":"i","output":"o","history":[["q"]]}"#, &["wrong_type@history[0]"]),
        (r#"{"instruction":"i","output":"o","images":["a.png"]}"#, &["image_content@images"]),
        (r#"{"messages":[]}"#, &["no_assistant_turn@messages"]),
        (r#"{"messages":[{"role":"user","content":"h"}]}"#, &["no_assistant_turn@messages"]),
        (
            r#"{"messages":[{"role":"User ","content":"h"},{"role":"GPT","content":"g"}]}"#,
            &["unknown_role@messages[0].role", "unknown_role@messages[1].role"],
        ),
        (
            r#"{"messages":[{"role":"assistant","content":"g"},{"role":"assistant","content":"g"},{"role":"user","content":"h"}]}"#,
            &["role_order@messages[0].role", "role_order@messages[1].role", "role_order@messages[2].role"],
        ),
        (
            r#"{"messages":[{"role":"user","content":"h"},{"role":"system","content":"s"},{"role":"assistant","content":"g","weight":0.5}]}"#,
            &["bad_weight@messages[2].weight", "role_order@messages[1].role", "role_order@messages[2].role"],
        ),
        (
            r#"{"messages":[{"role":"user","content":"h"},{"role":"assistant","content":"g","weight":0}]}"#,
            &["all_masked@messages"],
        ),
        (
            r#"{"messages":[{"role":"user","content":"h"},{"role":"assistant","content":null,"mood":"x"}]}"#,
            &["unknown_key@messages[1].mood", "empty_answer@messages[1].content"],
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]},{"content":"g"}]}"#,
            &[
                "image_content@messages[0].content[0]",
                "missing_key@messages[1].role",
                "no_assistant_turn@messages",
            ],
        ),
        (
            r#"{"messages":[{"role":"user","content":"h"},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":{}}}]},{"role":"user","content":"?"},{"role":"tool","tool_call_id":"9","content":"r"},{"role":"assistant","content":"g"}]}"#,
            &[
                "wrong_type@messages[1].tool_calls[0].function.arguments",
                "tool_call_without_answer@messages[1].tool_calls[0]",
                "tool_answer_without_call@messages[3]",
            ],
        ),
        (
            r#"{"messages":[{"role":"user","content":"h"},{"role":"assistant","content":"g"}],"tools":[{"type":"function","function":{}}]}"#,
            &["bad_tool_definition@tools[0].name"],
        ),
        (
            r#"{"messages":"[{'role': 'user', 'content': 'h'}, {'role': 'assistant', 'content': 'g'}]"}"#,
            &["wrong_type@messages"],
        ),
        (
            r#"{"conversations":[{"from":"gpt","value":"g"},{"from":"human","value":"h"}]}"#,
            &["role_order@conversations[0].from"],
        ),
        (
            r#"{"conversations":[{"from":"human","value":"h"},{"from":"gpt","value":"g"},{"from":"human","value":"h"}]}"#,
            &["role_order@conversations"],
        ),
        (
            r#"{"conversations":[{"from":"human","value":"h"},{"from":"user","value":""},{"from":"gpt"}]}"#,
            &[
                "unknown_role@conversations[1].from",
                "empty_prompt@conversations[1].value",
                "missing_key@conversations[2].value",
                "role_order@conversations[1].from",
            ],
        ),
        (
            r#"{"conversations":[{"from":"observation","value":"h"},{"from":"function_call","value":"g"},{"from":"human","value":"h"},{"from":"gpt","value":"g"}]}"#,
            &["tool_answer_without_call@conversations[0]", "tool_call_without_answer@conversations[1]"],
        ),
        (r#"{"prompt":"p","chosen":"c","rejected":"c"}"#, &["identical_preference@rejected"]),
        (r#"{"prompt":"p","chosen":"c"}"#, &["missing_key@rejected"]),
        (r#"{"prompt":"p","completion":"c","label":1}"#, &["wrong_type@label"]),
        (
            r#"{"input_ids":[1,2],"attention_mask":[1],"labels":[-100,-100]}"#,
            &["length_mismatch@attention_mask", "all_masked@labels"],
        ),
        (r#"{"input_ids":[1,"x"]}"#, &["wrong_type@input_ids[1]"]),
        (r#"{"segments":[{"text":"a","label":false}]}"#, &["all_masked@segments"]),
    ];
    for (row, expected) in fixtures {
        assert_eq!(shape(row).2, *expected, "{row}");
    }
}

#[test]
fn mapped_columns_are_named_as_in_the_file() {
    let mapping = Mapping::parse("instruction=v2,output=v1").unwrap();
    let (kind, turns, problems) = mapped(r#"{"v1":"ham","v2":"hello","id":3}"#, Some(&mapping));
    assert_eq!((kind, problems), (Some("alpaca"), vec![]));
    assert_eq!(turns, ["user:hello", "assistant*:ham"]);
    assert_eq!(mapped(r#"{"v1":"ham"}"#, Some(&mapping)).2, ["missing_key@v2"]);
    assert_eq!(mapped(r#"{"v1":"","v2":"x"}"#, Some(&mapping)).2, ["empty_answer@v1"]);
}
