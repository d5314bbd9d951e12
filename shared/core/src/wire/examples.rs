//! One example of every message, made of the real types: the reference shows them, tests take them round.

use serde_json::json;

use super::{
    Answer, ClientMessage, Data, DeviceInfo, DeviceWish, EventBody, FromClient, FromServer, JobEvent,
    JobInfo, JobSpec, JobState, LogLevel, MIN_PROTOCOL, ModelInfo, PROTOCOL, ProbeSpec, RecipeSpec, Refusal,
    Rule, Sampled, ServerMessage, Versions, Welcome,
};
use super::{CheckSpec, CollectSpec, FitSpec, Measured, PullSpec, TuneSpec};
use crate::features::FeatureVector;
use crate::limits;
use crate::runs::{Reading, StepRecord};

const DATA: &str = "u-4f1d6a0c93b2e857";
const TIME_MS: u64 = 1_790_000_000_000;

fn upload() -> Data {
    Data::Upload(DATA.to_owned())
}

fn recipe() -> RecipeSpec {
    RecipeSpec { learning_rate: Some(2e-4), epochs: Some(3.0), batch_size: Some(16), ..RecipeSpec::default() }
}

fn probe() -> ProbeSpec {
    ProbeSpec {
        data: upload(),
        sampled: Some(Sampled { rows: 12_000, fingerprint: "90c1f5e2a7d34b68".to_owned() }),
        eval: Some(Data::Upload("u-0b8e6c1d2f3a4957".to_owned())),
        eval_rows: None,
        set_aside: None,
        model: "tiny".to_owned(),
        steps: Some(100),
        stop: None,
        device: Some(DeviceWish::Auto),
        map: None,
        recipe: recipe(),
    }
}

/// One of every kind of job.
pub fn jobs() -> Vec<JobSpec> {
    vec![
        JobSpec::Check(CheckSpec {
            data: Data::Path("/home/me/data/train.jsonl".to_owned()),
            eval: None,
            max_tokens: Some(2048),
            map: None,
        }),
        JobSpec::Probe(Box::new(probe())),
        JobSpec::Tune(Box::new(TuneSpec {
            data: Data::Path("/home/me/data/train.jsonl".to_owned()),
            eval: Some(Data::Path("/home/me/data/test.jsonl".to_owned())),
            eval_rows: None,
            set_aside: None,
            dev: None,
            model: "tiny".to_owned(),
            patience: None,
            device: None,
            map: None,
            recipe: recipe(),
        })),
        JobSpec::Collect(CollectSpec {
            sweep: "/home/me/sweeps/main.toml".to_owned(),
            runs: "/home/me/runs".to_owned(),
            jobs: Some(2),
            device: None,
        }),
        JobSpec::Fit(FitSpec {
            runs: "/home/me/runs".to_owned(),
            out: "/home/me/predictor.onnx".to_owned(),
            report: None,
        }),
        JobSpec::Pull(PullSpec { model: "Qwen/Qwen2.5-0.5B".to_owned() }),
    ]
}

pub fn client() -> Vec<FromClient> {
    let job = 7;
    [
        ClientMessage::Hello {
            versions: Versions::OURS,
            token: "SECRET".to_owned(),
            client: "page 0.1.0".to_owned(),
        },
        ClientMessage::ListJobs { before: None },
        ClientMessage::Start {
            title: "support tickets, first try".to_owned(),
            job: JobSpec::Probe(Box::new(probe())),
        },
        ClientMessage::Subscribe { job, from: 1 },
        ClientMessage::Unsubscribe { job },
        ClientMessage::Cancel { job },
        ClientMessage::StopEarly { job },
        ClientMessage::Pin { job: Some(job) },
        ClientMessage::Forget { job },
        ClientMessage::Upload {
            upload: "train".to_owned(),
            offset: 0,
            text: "{\"instruction\":\"2+2\",\"output\":\"4\"}\n".to_owned(),
            last: true,
        },
        ClientMessage::Ping {},
    ]
    .into_iter()
    .zip(1..)
    .map(|(message, id)| FromClient { id: Some(id), message })
    .collect()
}

/// One of every kind of event.
pub fn events() -> Vec<EventBody> {
    let mut features = FeatureVector::default();
    for (name, value) in [
        ("eval_score", 31.5),
        ("eval_score_se", 2.1),
        ("eval_p_gold", 24.8),
        ("eval_loss", 1.93),
        ("held_out_loss", 2.04),
        ("gradient_noise_scale", f64::NAN),
    ] {
        features.set(name, value);
    }
    vec![
        EventBody::Attempt { attempt: 1 },
        EventBody::Progress { done: 20, total: Some(100), unit: "steps".to_owned() },
        EventBody::Start(json!({
            "type": "start", "trace_version": 1, "model": "tiny", "dataset": "90c1f5e2a7d34b68", "rows": 12_000,
            "sampled": 1600, "held_out": 96, "evaluation": 400, "total_steps": 2232, "stop_after": 100,
            "depths": [0, 5, 10, 20, 35, 50, 75, 100], "features": {"learning_rate": 0.0002},
        })),
        EventBody::Step(Box::new(StepRecord {
            step: 20,
            loss: 2.113,
            learning_rate: 1.2e-4,
            gradient_norm: 0.84,
            gradient_cosine: 0.41,
            half_norm_squared: 0.93,
            gradient_sparsity: 0.02,
            activation_sparsity: 0.11,
            update_ratio: 3.1e-4,
            token_accuracy: 0.52,
            rows: 16,
            tokens: 1730,
            trained_tokens: 240,
        })),
        EventBody::Reading(Reading { step: 20, features }),
        EventBody::Log { level: LogLevel::Info, text: "going on after step 20".to_owned() },
        EventBody::Result(
            json!({"steps": 100, "features": {"eval_score": 44.0}, "stopped_because": "finished"}),
        ),
        EventBody::Done { answer: Answer::Yes, stopped_early: false },
        EventBody::Failed { message: "train.jsonl has no usable row".to_owned() },
        EventBody::Cancelled {},
    ]
}

pub fn event(body: EventBody) -> JobEvent {
    JobEvent { job: 7, seq: 23, time_ms: TIME_MS, body }
}

fn info() -> JobInfo {
    JobInfo {
        job: 7,
        title: "support tickets, first try".to_owned(),
        spec: JobSpec::Probe(Box::new(probe())),
        state: JobState::Running,
        attempts: 1,
        created_ms: TIME_MS,
        started_ms: Some(TIME_MS + 40),
        ended_ms: None,
        last_seq: 23,
        done: 20,
        total: Some(100),
        score: Some(31.5),
        measured: Some(Measured { tokens_per_second: 2_508.0, peak_memory_bytes: Some(1_288_490_189) }),
        error: None,
    }
}

pub fn server() -> Vec<FromServer> {
    let welcome = Welcome {
        versions: Versions::OURS,
        spoken: PROTOCOL,
        agent: "0.1.0".to_owned(),
        boot: "5c0e9a31".to_owned(),
        token: None,
        device: DeviceInfo {
            kind: "cpu".to_owned(),
            name: "16 cores".to_owned(),
            cores: 16,
            memory_bytes: Some(64 << 30),
            instructions: "avx2".to_owned(),
        },
        models: vec![ModelInfo { name: "tiny".to_owned(), parameters: Some(303_000), bundled: true }],
        kinds: ["check", "probe", "tune", "collect", "fit"].map(str::to_owned).to_vec(),
        may_name_paths: true,
        max_message_bytes: limits::MAX_CLIENT_MESSAGE_BYTES as u64,
        max_upload_bytes: limits::MAX_UPLOAD_BYTES,
    };
    [
        (Some(1), ServerMessage::Welcome(Box::new(welcome))),
        (Some(3), ServerMessage::Refused(Refusal::new(Rule::QueueFull, "16 jobs wait"))),
        (
            Some(2),
            ServerMessage::Jobs { jobs: vec![info()], pinned: None, more: false, differing: Vec::new() },
        ),
        (Some(3), ServerMessage::Job { job: Box::new(info()) }),
        (Some(4), ServerMessage::Subscribed { job: 7, from: 1, last_seq: 23 }),
        (Some(5), ServerMessage::Unsubscribed { job: 7 }),
        (
            None,
            ServerMessage::Event(event(EventBody::Progress {
                done: 20,
                total: Some(100),
                unit: "steps".to_owned(),
            })),
        ),
        (
            Some(10),
            ServerMessage::Uploaded { upload: "train".to_owned(), received: 34, data: Some(DATA.to_owned()) },
        ),
        (None, ServerMessage::Pinned { job: Some(7) }),
        (None, ServerMessage::Forgotten { job: 7 }),
        (Some(11), ServerMessage::Pong {}),
        (None, ServerMessage::Bye {}),
    ]
    .into_iter()
    .map(|(re, message)| FromServer { re, message })
    .collect()
}

/// For the reference: the protocol's two numbers.
pub const VERSIONS: (u32, u32) = (PROTOCOL, MIN_PROTOCOL);
