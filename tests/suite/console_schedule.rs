//! スケジュール at the console: seen, changed after a preview, run now, paused.

use std::time::Instant;

use hyper::StatusCode;
use kenpo_express::domain::schedule::jst;
use kenpo_express::domain::staff::Role;
use kenpo_express::store::gateway::{audit, runs};

use crate::browser::Window;
use crate::browser::flows::took;
use crate::console_browser::{LARGE, SMALL, look, sign_in};
use crate::console_support::{ConsoleWorld, between, leads, text};
use crate::support::soon::soon;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_looked_at_before_it_is_saved() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    assert!(text(&browser.get("/schedule").await).contains("設定ファイルの予定"));
    let wrong = browser.get("/schedule/change?look=1&times=25:00&interval=x&cron=a+b&days=all").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(text(&wrong).matches("aria-invalid=\"true\"").count(), 3, "{}", text(&wrong));
    let never = browser.get("/schedule/change?look=1&days=business").await;
    assert_eq!(never.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&never).contains("受信のきっかけがありません"));
    let shown = text(&browser.get("/schedule/change?look=1&times=9:00,%2012:30&days=business").await);
    assert!(shown.contains("まだ保存されていません"), "{shown}");
    assert_eq!(shown.matches("<td>受信する</td>").count(), 20, "{shown}");
    assert!(shown.contains("土日"), "a fortnight has a weekend");
    assert!(text(&browser.get("/schedule").await).contains("設定ファイルの予定"), "nothing is changed by looking");
    let fields = [("times", "9:00, 12:30"), ("days", "business"), ("poll", "0"), ("unit", "minutes")];
    for refused in [&[("times", "9:99")][..], &[]] {
        browser.get("/schedule").await;
        let answer = browser.post("/schedule/change", refused).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    browser.get("/schedule").await;
    assert_eq!(leads(&browser.post("/schedule/change", &fields).await), "/schedule?done=saved");
    let page = text(&browser.get("/schedule").await);
    assert!(page.contains("09:00、12:30") && page.contains("職員が設定した予定"), "{page}");
    let form = text(&browser.get("/schedule/change").await);
    assert!(form.contains("value=\"09:00, 12:30\"") && form.contains("value=\"business\" checked"), "{form}");
    let entries = audit::of_subject(world.gateway.receiver.database.read(), "schedule", 5).await.unwrap();
    assert_eq!((entries[0].actor.as_str(), entries[0].action.as_str()), ("staff:suzuki", "schedule.set"));
    browser.get("/schedule").await;
    assert_eq!(leads(&browser.post("/schedule/default", &[]).await), "/schedule?done=saved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_by_hand_is_on_record_with_who_asked_and_from_where() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    browser.get("/schedule").await;
    assert_eq!(leads(&browser.post("/schedule/run", &[]).await), "/schedule?done=run");
    let read = world.gateway.receiver.database.read();
    let entry = async || audit::newest(read, "pull.ordered", "run 1").await.unwrap();
    soon("the run begins", async || entry().await.is_some()).await;
    let entry = entry().await.unwrap();
    assert_eq!((entry.actor.as_str(), entry.origin.as_str()), ("staff:suzuki", "127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_days_off_and_windows_are_set_and_taken_away() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Manager).await.browser;
    let mut reader = world.staff("sato", Role::Reader).await.browser;
    browser.get("/schedule").await;
    for wrong in [&[("reason", "x"), ("day", "2020-01-01")][..], &[("reason", "")], &[("reason", "x"), ("day", "y")]] {
        let answer = browser.post("/schedule/pause", wrong).await;
        assert!(answer.status.is_client_error(), "{wrong:?}");
        browser.get("/schedule").await;
    }
    let pause = [("reason", "サーバー室<停電>"), ("day", ""), ("time", "")];
    assert_eq!(leads(&browser.post("/schedule/pause", &pause).await), "/schedule?done=paused");
    let page = text(&reader.get("/schedule").await);
    assert!(page.contains("サーバー室&#60;停電&#62;") && page.contains("受信を停止しています"), "{page}");
    assert!(!page.contains("/schedule/resume") && !page.contains("/schedule/change"), "a reader changes nothing");
    for _ in 0..2 {
        browser.get("/schedule").await;
        assert_eq!(leads(&browser.post("/schedule/resume", &[]).await), "/schedule?done=resumed");
    }
    let year = jst(world.world.clock_now()).year() + 1;
    let day = format!("{year}-12-29");
    browser.get("/schedule").await;
    let holiday = [("day", day.as_str()), ("name", "年末休業")];
    assert_eq!(leads(&browser.post("/schedule/holidays", &holiday).await), "/schedule?done=holiday");
    let daily = [("kind", "daily"), ("from", "22:00"), ("to", "05:00"), ("name", "夜間")];
    assert_eq!(leads(&browser.post("/schedule/blackouts", &daily).await), "/schedule?done=blackout");
    let dates = [("kind", "dates"), ("from", day.as_str()), ("to", day.as_str()), ("name", "")];
    assert_eq!(leads(&browser.post("/schedule/blackouts", &dates).await), "/schedule?done=blackout");
    for wrong in
        [[("kind", "daily"), ("from", "05:00"), ("to", "05:00")], [("kind", "dates"), ("from", "x"), ("to", "y")]]
    {
        assert!(browser.post("/schedule/blackouts", &wrong).await.status.is_client_error());
        browser.get("/schedule").await;
    }
    let page = text(&browser.get("/schedule").await);
    assert!(page.contains("年末休業") && page.contains("毎日 22:00 ～ 05:00"), "{page}");
    assert_eq!(leads(&browser.post(&format!("/schedule/holidays/{day}/remove"), &[]).await), "/schedule?done=holiday");
    let mut left = 2;
    while let Some(path) = between(&text(&browser.get("/schedule").await), "action=\"/schedule/blackouts/", "\"") {
        browser.post(&format!("/schedule/blackouts/{path}"), &[]).await;
        left -= 1;
    }
    assert_eq!(left, 0);
    assert!(!text(&browser.get("/schedule").await).contains("年末休業"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_is_seen_changed_and_run_by_clicks() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Manager).await;
    let window = Window::open(SMALL, false).await;
    sign_in(&world, &window, &somebody.secret).await;
    let (began, mut clicks) = (Instant::now(), 0);
    let mut click = async |selector: &str| {
        window.click(selector).await;
        clicks += 1;
    };
    click("nav a[href='/schedule']").await;
    window.wait("#run").await;
    look(&window, "schedule").await;
    click("a[href='/schedule/change']").await;
    window.wait("#times").await;
    window.run("document.getElementById('times').value = ''; return 0").await;
    window.fill("#times", "9:00, 12:30, 17:00").await;
    click("input[value=business]").await;
    click("form.card button.main").await;
    window.wait("#save").await;
    look(&window, "schedule-preview").await;
    click("#save").await;
    window.arrive("done=saved").await;
    // This gateway reaches no relay: the page says so by itself.
    click("#run").await;
    window.arrive("done=run").await;
    window.wait("#last[data-over]").await;
    took("the schedule is changed, and a pull is run", clicks, "clicks", began);
    assert_eq!(clicks, 6);
    look(&window, "schedule-ran").await;
    let newest = runs::list(world.gateway.receiver.database.read(), 1).await.unwrap().remove(0);
    assert_eq!((newest.cause.as_str(), newest.actor.as_deref()), ("command", Some("staff:suzuki")));
    window.close().await;
    let window = Window::open(LARGE, true).await;
    sign_in(&world, &window, &somebody.secret).await;
    window.go(&format!("https://{}/schedule?lang=en", world.address)).await;
    window.wait("#run").await;
    look(&window, "schedule-large-dark").await;
    window.close().await;
}
