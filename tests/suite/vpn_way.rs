//! The gateway reaches the relay by the VPN, or not at all: the real binaries on three hosts.

use std::fs;

use crate::exchange_support::{text, wait_for};
use crate::message_support::noise;
use crate::vpn_net::{NAME, Net, V4, V6, in_url};
use crate::vpn_support::Hosts;

/// What goes wrong with the way, and how it is put right.
struct Trouble {
    code: &'static str,
    /// Whether the next request sees it. A name is looked up for each connection, and every few seconds beside that: a
    /// connection to the right address stands until then.
    at_once: bool,
    begin: fn(&mut Hosts),
    end: fn(&mut Hosts),
}

const TROUBLES: [Trouble; 8] = [
    Trouble {
        code: "vpn.interface-down",
        at_once: true,
        begin: |hosts| hosts.ip_at("gateway", "link set vpn0 down"),
        end: |hosts| {
            hosts.ip_at("gateway", "link set vpn0 up");
            // Those of IPv6 are gone when the interface goes down.
            hosts.ip_at("gateway", &format!("addr replace {}", hosts.net.own()));
        },
    },
    Trouble {
        code: "vpn.route-elsewhere",
        at_once: true,
        begin: |hosts| {
            let (relay, by) = (hosts.net.only(hosts.net.relay_vpn), hosts.net.relay_internet);
            hosts.ip_at("gateway", &format!("route add {relay} via {by} dev inet0"));
        },
        end: |hosts| hosts.ip_at("gateway", &format!("route del {}", hosts.net.only(hosts.net.relay_vpn))),
    },
    Trouble {
        code: "vpn.address-outside",
        at_once: false,
        begin: |hosts| hosts.resolve_to(&[hosts.net.relay_internet]),
        end: |hosts| hosts.resolve_to(&[hosts.net.relay_vpn]),
    },
    // The right address, and beside it one of the other family (A beside AAAA, or AAAA beside A) that is outside.
    Trouble {
        code: "vpn.address-outside",
        at_once: false,
        begin: |hosts| hosts.resolve_to(&[hosts.net.relay_vpn, hosts.net.other().relay_internet]),
        end: |hosts| hosts.resolve_to(&[hosts.net.relay_vpn]),
    },
    Trouble {
        code: "vpn.unresolved",
        at_once: false,
        begin: |hosts| hosts.resolve_to_nothing(),
        end: |hosts| hosts.resolve_to(&[hosts.net.relay_vpn]),
    },
    Trouble {
        code: "vpn.source-absent",
        at_once: true,
        begin: |hosts| hosts.ip_at("gateway", &format!("addr del {}", hosts.net.own())),
        end: |hosts| hosts.ip_at("gateway", &format!("addr add {}", hosts.net.own())),
    },
    // All that is sent to the VPN is thrown away.
    Trouble {
        code: "vpn.no-route",
        at_once: true,
        begin: |hosts| {
            let relay = hosts.net.only(hosts.net.relay_vpn);
            hosts.ip_at("gateway", &format!("route add unreachable {relay}"));
        },
        end: |hosts| hosts.ip_at("gateway", &format!("route del unreachable {}", hosts.net.only(hosts.net.relay_vpn))),
    },
    Trouble { code: "vpn.interface-absent", at_once: true, begin: Hosts::end_vpn, end: Hosts::lay_vpn },
];

#[test]
fn not_one_packet_leaves_by_another_way_and_what_waited_comes_when_the_way_is_there() {
    stays_on_the_way(&V4);
}

#[test]
fn nor_does_one_of_ipv6() {
    stays_on_the_way(&V6);
}

fn stays_on_the_way(net: &'static Net) {
    let Some(mut hosts) = Hosts::new(net, "0", "0") else { return };
    let _relay = hosts.serve("relay", "kx-server");
    let gateway = hosts.serve("gateway", "kx-gateway");
    let mut there = hosts.archived();
    hosts.send("first.csv", b"by the VPN");
    there += 1;
    wait_for(|| hosts.archived() == there, "the first file is here");
    assert_eq!(hosts.status()["vpn"], serde_json::json!({ "state": "open", "code": null }));
    assert!(hosts.gateway(&["check-config"]).status.success());

    for (number, trouble) in TROUBLES.into_iter().enumerate() {
        let code = trouble.code;
        (trouble.begin)(&mut hosts);
        let send = || hosts.send(&format!("{number}.csv"), b"waits for the VPN");
        if trouble.at_once {
            send();
        }
        let alarm = |status: &serde_json::Value| {
            let troubles = status["troubles"].as_array().unwrap();
            troubles.iter().any(|one| one["task"] == "vpn" && one["code"] == code)
        };
        wait_for(|| alarm(&hosts.status()), &format!("{code} is told"));
        if !trouble.at_once {
            send();
        }
        assert_eq!(hosts.status()["vpn"], serde_json::json!({ "state": "shut", "code": code }));
        wait_for(|| hosts.watch("/readyz").contains(code), &format!("{code} is why it is not ready"));
        wait_for(|| hosts.watch("/metrics").contains("kx_gateway_vpn_up 0"), &format!("{code} is measured"));
        // Nor does a person get through.
        assert!(!hosts.gateway(&["pull"]).status.success(), "{code}");
        let checked = hosts.gateway(&["check-config"]);
        assert!(!checked.status.success() && text(&checked.stderr).contains(code), "{}", text(&checked.stderr));
        assert_eq!((hosts.archived(), hosts.leaked()), (there, 0), "{code}");

        (trouble.end)(&mut hosts);
        there += 1;
        wait_for(|| hosts.archived() == there, &format!("{code} is over"));
        wait_for(|| !alarm(&hosts.status()), &format!("{code} is told no more"));
        assert_eq!(hosts.leaked(), 0, "{code}");
    }
    gateway.stop();

    // An address in the settings goes through the same gate.
    let (internet, vpn) = (in_url(net.relay_internet), in_url(net.relay_vpn));
    hosts.tell_gateway(&format!("https://{internet}"), "interface = \"vpn0\"");
    let refused = hosts.gateway(&["check-config"]);
    assert!(text(&refused.stderr).contains("vpn.route-elsewhere"), "{}", text(&refused.stderr));
    assert!(!hosts.gateway(&["pull"]).status.success());
    hosts.tell_gateway(&format!("https://{internet}"), &format!("networks = [\"{}\"]", net.vpn));
    let refused = hosts.gateway(&["pull"]);
    assert!(text(&refused.stderr).contains("relay.networks"), "{}", text(&refused.stderr));
    assert_eq!(hosts.leaked(), 0);
    hosts.tell_gateway(&format!("https://{vpn}"), &net.guarded());
    assert!(hosts.gateway(&["pull"]).status.success());
    assert_eq!(hosts.leaked(), 0);
    // From an address of the one family nothing goes to one of the other, be it the only thing that is prescribed.
    hosts.tell_gateway(&format!("https://{NAME}"), &format!("source_address = \"{}\"", net.gateway_vpn));
    hosts.resolve_to(&[net.other().relay_internet]);
    assert!(!hosts.gateway(&["pull"]).status.success());
    assert_eq!(hosts.leaked(), 0);
    hosts.resolve_to(&[net.relay_vpn]);

    // Without a word about the way it does leave, and is counted: the relay would even have answered.
    hosts.tell_gateway(&format!("https://{NAME}"), "");
    hosts.ip_at("gateway", "link set vpn0 down");
    assert!(hosts.gateway(&["pull"]).status.success());
    assert!(hosts.leaked() > 0);
}

#[test]
fn a_large_file_goes_on_where_the_line_was_cut() {
    let Some(hosts) = Hosts::new(&V4, "10", "300") else { return };
    let _relay = hosts.serve("relay", "kx-server");
    let gateway = hosts.serve("gateway", "kx-gateway");
    let before = hosts.archived();
    let size = 8 << 20;
    hosts.send("large.bin", &noise(size));
    let spool = hosts.folder.path("sandbox/gateway/data/spool");
    let spooled = || {
        let parts = fs::read_dir(&spool).unwrap().filter_map(Result::ok);
        parts.filter_map(|part| part.metadata().ok()).map(|part| part.len()).max().unwrap_or(0)
    };
    wait_for(|| spooled() > 1 << 20, "a part has come");
    hosts.ip_at("gateway", "link set vpn0 down");
    wait_for(|| !hosts.status()["waiting"].as_array().unwrap().is_empty(), "the rest waits");
    let part = spooled();
    assert!((1 << 20..size as u64).contains(&part), "{part}");
    assert_eq!(hosts.archived(), before);
    hosts.ip_at("gateway", "link set vpn0 up");
    wait_for(|| hosts.archived() == before + 1, "all of it is here");
    let metrics = hosts.watch("/metrics");
    let of_the_gateway = "kx_gateway_transferred_bytes_total{direction=\"in\"} ";
    let fetched = metrics.lines().find_map(|line| line.strip_prefix(of_the_gateway)).unwrap();
    let fetched: u64 = fetched.parse().unwrap();
    // Sealed, a file is a little larger; all from the start again would be more by what was there.
    assert!(fetched < size as u64 + part / 2, "{fetched} of {size} with {part} there");
    assert_eq!(hosts.leaked(), 0);
    gateway.stop();
}
