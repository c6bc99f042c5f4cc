//! Clients that are not ours, on both servers: a property-based one (schemathesis) that knows the OpenAPI documents and nothing else,
//! and a tus client (tuspy).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kenpo_express::message::keys::Credential;
use kenpo_express::wire::employer::UPLOADS;
use kenpo_express::wire::tus::Metadata;
use serde_json::Value;
use tempfile::TempDir;

use crate::api_support::ApiWorld;
use crate::message_support::noise;
use crate::support::relay::{RelayWorld, message_id, parcel};
use kenpo_express::store::gateway::tokens::Scope;

/// What must hold of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,ignored_auth,unsupported_method";

/// A program of the clients, as `tests/run` has installed them.
pub(crate) fn client(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools/clients/bin").join(name);
    assert!(path.exists(), "the clients for this test are missing: `tests/run api_foreign` installs them");
    path
}

/// Runs a program to its end, while the servers of this process go on.
pub(crate) async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The bytes of an upload.
const MEDIA: &str = "
import schemathesis
from hypothesis import strategies
schemathesis.openapi.media_type('application/offset+octet-stream', strategies.binary(max_size=64))
";

/// Questions that wait a minute for something to happen are not what this is about.
fn without_waiting(document: &Value) -> Value {
    let mut document = document.clone();
    for operation in document["paths"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .flat_map(|item| item.as_object_mut().unwrap().values_mut())
    {
        if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
            parameters.retain(|parameter| parameter["name"] != "wait");
        }
    }
    document
}

fn words(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Hundreds of requests with right and wrong values, types and sizes.
async fn probe(folder: &Path, url: &str, document: &Value, arguments: &[&str]) {
    std::fs::write(folder.join("openapi.json"), without_waiting(document).to_string()).unwrap();
    std::fs::write(folder.join("media.py"), MEDIA).unwrap();
    let mut command = Command::new(client("schemathesis"));
    command.env("SCHEMATHESIS_HOOKS", "media").env("PYTHONPATH", ".");
    command.args(["run", "openapi.json", "--url", url, "--checks", CHECKS, "--tls-verify", "ca.pem"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "12", "--seed", "4711", "--no-color"]);
    command.args(["--generation-database", "none", "--request-timeout", "30", "--continue-on-failure"]);
    command.args(["--suppress-health-check", "all", "--warnings", "off"]).args(arguments).current_dir(folder);
    let output = run(command).await;
    let said = words(&output);
    assert!(output.status.success(), "{said}");
    let cases = said.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse::<u32>().ok());
    assert!(cases.is_some_and(|cases| cases > 200), "{said}");
}

fn keep(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_knows_only_the_document_meets_only_documented_answers_at_the_gateway() {
    let api =
        ApiWorld::with("requests_per_second = 100000\nwrong_tokens_per_minute = 100000\nuploads_per_token = 100000")
            .await;
    let mut hanako = api.recipient("hanako-1").await;
    for n in 0..3 {
        api.receive(&mut hanako, format!("content {n}").as_bytes()).await;
    }
    let token = api.token("core", &Scope::ALL).await;
    let document: Value = api.client(&token).get("/openapi.json").await.json();
    let url = format!("https://127.0.0.1:{}", api.address.port());
    let header = format!("Authorization: Bearer {token}");
    probe(api.world.folder.path(), &url, &document, &["-H", &header, "--request-retries", "0"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_knows_only_the_documents_meets_only_documented_answers_at_the_relay() {
    let relay = RelayWorld::start_with(|config| {
        (config.vpn.requests_per_second, config.employer.requests_per_second) = (100_000, 100_000);
        // Each request may come on a connection of its own.
        (config.limits.connections_per_address, config.limits.connections_per_certificate) = (10_000, 10_000);
    })
    .await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let folder = tempfile::tempdir().unwrap();
    keep(&folder, "ca.pem", &relay.operator.certificate().pem());
    let both = |credential: &Credential| format!("{}{}", credential.certificate().pem(), credential.key().to_pem());
    keep(&folder, "union.pem", &both(&union.gateway));
    keep(&folder, "user.pem", &both(&user));
    let document: Value = relay.employer(&user).get("/openapi.json").await.json();
    let url = format!("https://127.0.0.1:{}", relay.running().employer_addr.port());
    let header = format!("Authorization: Bearer {}", relay.session_of(&user));
    // What ends the session, or locks it, would leave nothing to ask.
    let ends = "/employer/v1/(login|logout|password|pin).*";
    let arguments =
        ["--request-cert", "user.pem", "-H", &header, "--exclude-path-regex", ends, "--exclude-checks", "ignored_auth"];
    probe(folder.path(), &url, &document, &arguments).await;

    // The union last: among what it is asked to do is to shut users out.
    let document: Value = relay.vpn(&union.gateway).get("/openapi.json").await.json();
    let url = format!("https://127.0.0.1:{}", relay.running().vpn_addr.port());
    probe(folder.path(), &url, &document, &["--request-cert", "union.pem", "--exclude-checks", "ignored_auth"]).await;
}

pub(crate) const TUSPY: &str = "
import json, os, sys
from tusclient.client import TusClient
url, file, metadata, headers, cert = sys.argv[1:]
client = TusClient(url, headers=json.loads(headers), client_cert=cert or None)
uploader = client.uploader(file, metadata=json.loads(metadata), chunk_size=100_000, upload_checksum=True)
uploader.upload_chunk()
# As after a crash of the client: another one goes on at the offset that the server has.
again = client.uploader(file, url=uploader.url, chunk_size=100_000, upload_checksum=True)
assert again.offset == 100_000, again.offset
again.upload()
print(again.url)
";

async fn tuspy(folder: &Path, arguments: [&str; 5]) -> String {
    let mut command = Command::new(client("python"));
    command.arg("-c").arg(TUSPY).args(arguments).env("REQUESTS_CA_BUNDLE", "ca.pem").current_dir(folder);
    let output = run(command).await;
    assert!(output.status.success(), "{}", words(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tus_client_that_is_not_ours_sends_a_file_through_the_gateway() {
    let api = ApiWorld::start().await;
    api.recipient("hanako-1").await;
    let token = api.token("core", &Scope::ALL).await;
    let (core, content) = (api.client(&token), noise(450_000));
    let folder = api.world.folder.path();
    std::fs::write(folder.join("給与.csv"), &content).unwrap();
    let url = format!("https://127.0.0.1:{}/api/v1/uploads", api.address.port());
    let headers = format!(r#"{{"Authorization": "Bearer {token}"}}"#);
    let metadata = r#"{"filename": "給与.csv", "to": "hanako-1 office:1234-A", "comment": "10月分"}"#;
    let upload = tuspy(folder, [&url, "給与.csv", metadata, &headers, ""]).await;
    let path = &upload[upload.find("/api/").unwrap()..];
    let shown: Value = core.get(path).await.json();
    assert_eq!((&shown["state"], &shown["dispatch"]["file_name"]), (&"taken".into(), &"給与.csv".into()), "{shown}");
    assert_eq!(shown["dispatch"]["comment"], "10月分");
    assert_eq!(shown["dispatch"]["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tus_client_that_is_not_ours_deposits_a_sealed_file_at_the_relay() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let folder = tempfile::tempdir().unwrap();
    keep(&folder, "ca.pem", &relay.operator.certificate().pem());
    keep(&folder, "user.pem", &format!("{}{}", user.certificate().pem(), user.key().to_pem()));
    let (bytes, tag) = parcel(450_000);
    std::fs::write(folder.path().join("sealed.kxm"), &bytes).unwrap();
    let id = message_id(relay.clock.as_ref());
    assert!(Metadata::to_union(id).to_header().starts_with("message_id "));
    let url = format!("https://127.0.0.1:{}{UPLOADS}", relay.running().employer_addr.port());
    let headers = format!(r#"{{"Authorization": "Bearer {}"}}"#, relay.session_of(&user));
    let metadata = format!(r#"{{"message_id": "{id}"}}"#);
    tuspy(folder.path(), [&url, "sealed.kxm", &metadata, &headers, "user.pem"]).await;
    let parcels: Value = relay.vpn(&union.gateway).get("/union/v1/parcels").await.json();
    assert_eq!(
        (&parcels["items"][0]["id"], &parcels["items"][0]["tag"]),
        (&id.to_string().into(), &tag.to_string().into())
    );
    let content = relay.vpn(&union.gateway).get(&format!("/union/v1/parcels/{id}/content")).await;
    assert_eq!(content.body, bytes);
}
