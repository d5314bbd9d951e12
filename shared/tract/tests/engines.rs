//! Models of other makers by tract, ours by both engines, and files that were damaged or made to harm. The fixtures
//! are those of tests/onnx.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::path::{Path, PathBuf};

use foretune_core::hash;
use foretune_core::limits;
use foretune_core::predict::model::{Aggregate, Forest, Model};
use foretune_core::predict::onnx::wire::Message;
use foretune_core::predict::onnx::{self, OnnxError};
use foretune_core::predict::staged::Staged;
use foretune_core::predict::tree::{Branch, Node, Split, Tree};
use foretune_tract::{Engine, EngineError, compare, draw_rows};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/onnx/fixtures");

fn files(extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(FIXTURES)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == extension))
        .collect();
    found.sort();
    found
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
}

#[test]
fn scores_are_those_of_the_maker() {
    let mut compared = 0;
    for path in files("json") {
        let body: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let Some(tolerance) = body["tolerance"].as_f64() else { continue };
        let engine = Engine::open(&std::fs::read(path.with_extension("onnx")).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let rows: Vec<f64> = body["rows"].as_array().unwrap().iter().flat_map(numbers).collect();
        let scores = engine.scores(&rows).unwrap();
        let one = engine.scores(&rows[..engine.feature_count()]).unwrap();
        assert!((one[0] - scores[0]).abs() <= 1e-12, "{}: alone {one:?}", path.display());
        for (found, expected) in scores.iter().zip(numbers(&body["expected"])) {
            let allowed = tolerance * expected.abs().max(1.0);
            assert!((found - expected).abs() <= allowed, "{}: {found}, not {expected}", path.display());
        }
        compared += 1;
    }
    assert!(compared >= 20, "only {compared} fixtures were found");
}

#[test]
fn our_models_score_alike_by_both_engines() {
    for name in ["foretune_1", "foretune_2", "foretune_3", "shap_small"] {
        let bytes = std::fs::read(Path::new(FIXTURES).join(name).with_extension("onnx")).unwrap();
        let found = compare(&bytes, 10_000, 1).unwrap();
        assert!(found.largest_difference <= 1e-9, "{name}: {found:?}");
    }
}

#[test]
fn the_shipped_predictor_and_what_it_carries_score_alike_by_both_engines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/predictors/tiny-exact-match.onnx");
    let found = compare(&std::fs::read(path).unwrap(), 1_000, 2).unwrap();
    assert!(found.largest_difference <= 1e-9, "{found:?}");
    assert_eq!(found.models, 3, "with its errors and divergence");
}

const BRANCHES: [Branch; 6] = [
    Branch::LessOrEqual,
    Branch::Less,
    Branch::GreaterOrEqual,
    Branch::Greater,
    Branch::Equal,
    Branch::NotEqual,
];

/// One tree for each comparison and each direction of missing values, with values that tell them apart.
fn every_branch() -> Vec<Tree> {
    let branches = BRANCHES.iter().flat_map(|branch| [(*branch, false), (*branch, true)]);
    let tree = |(index, (branch, missing_goes_true))| {
        let split = Split { feature: 0, branch, missing_goes_true, threshold: 0.1, on_true: 1, on_false: 2 };
        let nodes = vec![Node::Split(split), Node::Leaf(f64::from(1 << index)), Node::Leaf(0.0)];
        Tree::new(nodes, None, 1).unwrap()
    };
    branches.enumerate().map(tree).collect()
}

/// 0.1 is no float32, so a threshold cut to one would send it to the other side.
const AROUND: [f64; 5] = [0.1 - 1e-12, 0.1, 0.1 + 1e-12, 0.1f32 as f64, f64::NAN];

#[test]
fn every_comparison_and_direction_of_missing_values() {
    for (aggregate, rounds_input) in [
        (Aggregate::Sum, false),
        (Aggregate::Minimum, false),
        (Aggregate::Maximum, false),
        (Aggregate::Sum, true),
    ] {
        let mut model = Model::constant(1, 0.5);
        model.forests.push(Forest { trees: every_branch(), aggregate, scale: 1.0, rounds_input });
        let engine = Engine::open(&onnx::write(&Staged::from(model.clone()), &[])).unwrap();
        for x in AROUND {
            let (ours, theirs) = (model.predict(&[x]), engine.scores(&[x]).unwrap()[0]);
            assert!((ours - theirs).abs() < 1e-12, "{aggregate:?} {rounds_input} {x}: {theirs}, not {ours}");
        }
    }
}

fn attribute(name: &str) -> Message {
    Message::default().text(1, name)
}

fn tensor(name: &str, dims: &[i64], numbers: &[f64]) -> Message {
    let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Message::default().packed_ints(1, dims).int(2, 11).bytes(9, &raw).text(8, name)
}

fn node(domain: &str, operator: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Message {
    let mut node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
    node = node.text(2, output).text(3, output).text(4, operator).text(7, domain);
    attributes.iter().fold(node, |node, attribute| node.message(5, attribute.clone()))
}

fn value(name: &str, width: i64) -> Message {
    let dims = Message::default().message(1, Message::default()).message(1, Message::default().int(1, width));
    let kind = Message::default().int(1, 11).message(2, dims);
    Message::default().text(1, name).message(2, Message::default().message(1, kind))
}

/// A file of nodes that read `x` and give `y`.
fn file(width: i64, nodes: &[Message], constants: &[Message]) -> Vec<u8> {
    let graph = nodes.iter().fold(Message::default(), |graph, node| graph.message(1, node.clone()));
    let graph = constants.iter().fold(graph, |graph, constant| graph.message(5, constant.clone()));
    let graph = graph.message(11, value("x", width)).message(12, value("y", 1));
    Message::default().int(1, 10).message(7, graph).finish()
}

/// The older operator, with its comparisons as words and its thresholds as doubles.
#[test]
fn every_comparison_of_the_older_operator() {
    let words = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];
    for (word, branch) in words.into_iter().zip(BRANCHES) {
        for track in [0, 1] {
            let modes = [word, "LEAF", "LEAF"].into_iter();
            let modes = modes.fold(attribute("nodes_modes"), |list, text| list.text(9, text));
            let attributes = [
                modes,
                ints("nodes_treeids", &[0, 0, 0]),
                ints("nodes_nodeids", &[0, 1, 2]),
                ints("nodes_featureids", &[0, 0, 0]),
                ints("nodes_truenodeids", &[1, 0, 0]),
                ints("nodes_falsenodeids", &[2, 0, 0]),
                ints("nodes_missing_value_tracks_true", &[track, 0, 0]),
                ints("target_treeids", &[0, 0]),
                ints("target_nodeids", &[1, 2]),
                ints("target_ids", &[0, 0]),
                attribute("nodes_values_as_tensor").message(5, tensor("", &[3], &[0.1, 0.0, 0.0])),
                attribute("target_weights_as_tensor").message(5, tensor("", &[2], &[1.0, 2.0])),
            ];
            let trees = node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], "y", &attributes);
            let bytes = file(1, &[trees], &[]);
            let engine = Engine::open(&bytes).unwrap();
            let exact = onnx::read(&bytes).unwrap().model;
            for x in AROUND {
                let is_true = branch.holds(x, 0.1) || (track == 1 && x.is_nan());
                let expected = if is_true { 1.0 } else { 2.0 };
                assert!((engine.scores(&[x]).unwrap()[0] - expected).abs() < 1e-12, "{word} {track} {x}");
                assert!((exact.predict(&[x]) - expected).abs() < 1e-12, "{word} {track} {x}");
            }
        }
    }
}

fn ints(name: &str, list: &[i64]) -> Message {
    attribute(name).packed_ints(8, list)
}

/// One split of feature 0 at a half, and its two leaves; both operators tell it in lists of their own.
#[derive(Clone, Copy)]
struct Stump {
    feature: i64,
    threshold: f64,
    on_true: i64,
    leaf: f64,
}

const SOUND: Stump = Stump { feature: 0, threshold: 0.5, on_true: 1, leaf: 1.0 };

fn older_operator(stump: Stump) -> Vec<u8> {
    let modes = ["BRANCH_LEQ", "LEAF", "LEAF"].into_iter();
    let attributes = [
        modes.fold(attribute("nodes_modes"), |list, text| list.text(9, text)),
        ints("nodes_treeids", &[0, 0, 0]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[stump.feature, 0, 0]),
        ints("nodes_truenodeids", &[stump.on_true, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        ints("target_treeids", &[0, 0]),
        ints("target_nodeids", &[1, 2]),
        ints("target_ids", &[0, 0]),
        attribute("nodes_values_as_tensor").message(5, tensor("", &[3], &[stump.threshold, 0.0, 0.0])),
        attribute("target_weights_as_tensor").message(5, tensor("", &[2], &[stump.leaf, 2.0])),
    ];
    file(1, &[node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], "y", &attributes)], &[])
}

/// `on_true` 0 is the split itself here, 1 and above are leaves.
fn newer_operator(stump: Stump, roots: &[i64]) -> Vec<u8> {
    let is_leaf = i64::from(stump.on_true > 0);
    let modes = Message::default().packed_ints(1, &[1]).int(2, 2).bytes(9, &[0]);
    let attributes = [
        ints("tree_roots", roots),
        ints("nodes_featureids", &[stump.feature]),
        attribute("nodes_modes").message(5, modes),
        attribute("nodes_splits").message(5, tensor("", &[1], &[stump.threshold])),
        ints("nodes_truenodeids", &[stump.on_true - is_leaf]),
        ints("nodes_trueleafs", &[is_leaf]),
        ints("nodes_falsenodeids", &[1]),
        ints("nodes_falseleafs", &[1]),
        ints("leaf_targetids", &[0, 0]),
        attribute("leaf_weights").message(5, tensor("", &[2], &[stump.leaf, 2.0])),
    ];
    file(1, &[node("ai.onnx.ml", "TreeEnsemble", &["x"], "y", &attributes)], &[])
}

#[test]
fn trees_that_lead_nowhere_are_refused_by_both_engines() {
    for bytes in [older_operator(SOUND), newer_operator(SOUND, &[0])] {
        let exact = onnx::read(&bytes).unwrap().model;
        assert!((exact.predict(&[0.0]) - 1.0).abs() < 1e-12 && (exact.predict(&[1.0]) - 2.0).abs() < 1e-12);
        Engine::open(&bytes).unwrap();
    }
    let harmful = [
        ("is its own ancestor", Stump { on_true: 0, ..SOUND }),
        ("points to a node that does not exist", Stump { on_true: 9, ..SOUND }),
        ("splits on feature 7, which does not exist", Stump { feature: 7, ..SOUND }),
        ("which does not exist", Stump { feature: -1, ..SOUND }),
        ("which does not exist", Stump { feature: i64::MAX, ..SOUND }),
        ("has no number as its threshold", Stump { threshold: f64::NAN, ..SOUND }),
        ("has no finite value", Stump { leaf: f64::INFINITY, ..SOUND }),
    ];
    for (words, stump) in harmful {
        for bytes in [older_operator(stump), newer_operator(stump, &[0])] {
            let told = onnx::read(&bytes).unwrap_err().to_string();
            assert!(told.contains(words), "{words}: {told}");
            assert!(Engine::open(&bytes).is_err(), "{words}");
        }
    }
    // One split as the root of two trees, and a root that is not there.
    for (words, roots) in
        [("has two parents", vec![0, 0]), ("does not exist", vec![3]), ("does not exist", vec![-1])]
    {
        let bytes = newer_operator(SOUND, &roots);
        let told = onnx::read(&bytes).unwrap_err().to_string();
        assert!(told.contains(words) && Engine::open(&bytes).is_err(), "{words}: {told}");
    }
}

#[test]
fn counts_beyond_the_bounds_and_values_from_nowhere_are_refused() {
    let copy = |from: &str, to: &str| node("", "Identity", &[from], to, &[]);
    let chain = |count: usize| -> Vec<Message> {
        let name = |at: usize| if at == 0 { "x".to_owned() } else { format!("v{at}") };
        let last = std::iter::once(copy(&name(count - 1), "y"));
        (1..count).map(|at| copy(&name(at - 1), &name(at))).chain(last).collect()
    };
    let told = |bytes: &[u8]| {
        assert!(Engine::open(bytes).is_err());
        onnx::read(bytes).unwrap_err()
    };
    let found = told(&file(1, &chain(limits::MAX_ONNX_ITEMS + 1), &[]));
    assert!(matches!(found, OnnxError::TooMany { .. }), "{found}");
    // A list that says it is longer than its bytes, and one that is longer than any that is read.
    let vast = Message::default().packed_ints(1, &[1 << 40]).int(2, 11).bytes(9, &[0; 8]).text(8, "c");
    let found = told(&file(1, &chain(1), &[vast]));
    assert!(matches!(found, OnnxError::TooMany { .. } | OnnxError::Damaged { .. }), "{found}");
    let long = vec![0.0; limits::MAX_ONNX_ELEMENTS + 1];
    let found = told(&file(1, &chain(1), &[tensor("c", &[long.len() as i64], &long)]));
    assert!(matches!(found, OnnxError::TooMany { .. }), "{found}");
    // Two nodes that read each other, and an output that nothing makes.
    for nodes in [vec![copy("b", "a"), copy("a", "b"), copy("a", "y")], vec![copy("x", "z")]] {
        let found = told(&file(1, &nodes, &[]));
        assert!(matches!(found, OnnxError::UnknownValue { .. }), "{found}");
    }
}

#[test]
fn missing_values_pass_through_a_network() {
    for operator in ["Relu", "Tanh", "Sigmoid", "Elu", "Selu", "Softplus", "LeakyRelu", "HardSigmoid"] {
        let engine = Engine::open(&file(1, &[node("", operator, &["x"], "y", &[])], &[])).unwrap();
        assert!(engine.scores(&[f64::NAN]).unwrap()[0].is_nan(), "{operator}");
        assert!(engine.scores(&[-1.0, 2.0]).unwrap().iter().all(|score| score.is_finite()), "{operator}");
    }
    let zero = tensor("zero", &[], &[0.0]);
    for operator in ["Max", "Min"] {
        for inputs in [["x", "zero"], ["zero", "x"]] {
            let bytes = file(1, &[node("", operator, &inputs, "y", &[])], std::slice::from_ref(&zero));
            assert!(Engine::open(&bytes).unwrap().scores(&[f64::NAN]).unwrap()[0].is_nan(), "{operator}");
        }
    }
}

/// Small files that ask for terabytes, for hours, or for what the engine does not run.
#[test]
fn files_made_to_harm_are_refused_before_anything_is_computed() {
    let side = 200_000;
    let ones = vec![1.0; side as usize];
    let (column, row) = (tensor("column", &[side, 1], &ones), tensor("row", &[1, side], &ones));
    for operator in ["Add", "MatMul", "Max"] {
        let bytes =
            file(1, &[node("", operator, &["column", "row"], "y", &[])], &[column.clone(), row.clone()]);
        let refused = Engine::open(&bytes).unwrap_err();
        assert!(matches!(refused, EngineError::TooLarge { .. }), "{operator}: {refused}");
    }
    // A thousand layers of the same weights, each of which would be laid out anew.
    let name = |at: usize| if at == 0 { "x".to_owned() } else { format!("layer{at}") };
    let layers = (0..1000).map(|at| node("", "MatMul", &[&name(at), "w"], &name(at + 1), &[]));
    let last = node("", "MatMul", &["layer1000", "v"], "y", &[]);
    let nodes: Vec<Message> = layers.chain([last]).collect();
    let weights = [tensor("w", &[500, 500], &vec![0.5; 250_000]), tensor("v", &[500, 1], &[0.5; 500])];
    let refused = Engine::open(&file(500, &nodes, &weights)).unwrap_err();
    assert!(matches!(refused, EngineError::TooLarge { rows: 1, .. }), "{refused}");
    let ten = [&nodes[..10], &[node("", "MatMul", &["layer10", "v"], "y", &[])]].concat();
    assert!(Engine::open(&file(500, &ten, &weights)).unwrap().scores(&[0.0; 500]).unwrap()[0].abs() < 1e-12);

    for operator in ["Loop", "RandomNormal", "Expand", "ConstantOfShape", "Conv"] {
        let bytes = file(1, &[node("", operator, &["x"], "y", &[])], &[]);
        let refused = Engine::open(&bytes).unwrap_err().to_string();
        assert!(refused.contains(operator), "{refused}");
    }
}

/// Whatever is changed or cut, the engine answers or refuses; it never panics.
#[test]
fn damaged_files_never_panic() {
    let (mut answered, mut refused) = (0, 0);
    for path in files("onnx") {
        let bytes = std::fs::read(&path).unwrap();
        for round in 0..60u64 {
            let draw = |what: u64| hash::combine(hash::combine(round, what), bytes.len() as u64);
            let mut damaged = bytes.clone();
            // The head of a file holds its structure, the rest mostly numbers.
            let reach = if round % 2 == 0 { bytes.len() } else { bytes.len().min(600) } as u64;
            for change in 0..=(draw(0) % 4) {
                damaged[(draw(10 + change) % reach) as usize] = draw(20 + change) as u8;
            }
            if draw(1).is_multiple_of(3) {
                damaged.truncate((draw(2) % bytes.len() as u64) as usize);
            }
            match Engine::open(&damaged) {
                Ok(engine) => {
                    let row = vec![0.5; engine.feature_count()];
                    let _ = engine.scores(&row);
                    answered += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
        }
    }
    assert!(answered > 50 && refused > 50, "{answered} answered, {refused} refused");
}

#[test]
fn rows_must_be_whole() {
    let bytes = std::fs::read(Path::new(FIXTURES).join("foretune_1.onnx")).unwrap();
    let engine = Engine::open(&bytes).unwrap();
    assert_eq!(engine.scores(&[1.0; 13]), Err(EngineError::Rows { found: 13, width: 12 }));
    let model = onnx::read(&bytes).unwrap().model;
    let rows = draw_rows(&model, 500, 3);
    assert!(rows.iter().any(|value| value.is_nan()));
    assert_eq!(engine.scores(&rows).unwrap().len(), 500);
}
