//! What holds of destinations and rules beside their definitions, told as claims.

use super::{Bench, at, audit, name};
use crate::{DestinationNote, DestinationState, PausedRule, Switch, SwitchState, Trouble};

/// revision, and forgotten when it is switched.
pub async fn after_a_restart_a_destination_is_as_it_was_switched<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let hook = || name("hook");
    assert_eq!(store.destination_state(hook()).await, Ok(None));
    let before = *store.revisions().borrow();
    let trouble = Some(Trouble { since: at(1), notices: 2 });
    let seen =
        DestinationNote { name: hook(), switched_at: None, trouble, last_success: Some(at(0)) };
    store.note_destination(seen.clone()).await.expect("noted");
    assert_eq!(*store.revisions().borrow(), before);
    let mut state =
        DestinationState { name: hook(), switch: None, trouble, last_success: Some(at(0)) };
    assert_eq!(store.destination_state(hook()).await, Ok(Some(state.clone())));
    let off =
        Switch { state: SwitchState::Disabled, reason: "moved house".to_owned(), since: at(5) };
    store.switch_destination(hook(), off.clone(), audit("disable")).await.expect("switched");
    assert!(*store.revisions().borrow() > before);
    drop(store);
    let store = bench.open().await;
    (state.switch, state.trouble) = (Some(off), None);
    assert_eq!(store.destination_states().await, Ok(vec![state.clone()]));
    // Seen before it was switched: it belongs to another time.
    store.note_destination(seen.clone()).await.expect("passed over");
    assert_eq!(store.destination_state(hook()).await, Ok(Some(state.clone())));
    let now = DestinationNote { switched_at: Some(at(5)), last_success: Some(at(7)), ..seen };
    store.note_destination(now).await.expect("noted");
    (state.trouble, state.last_success) = (trouble, Some(at(7)));
    assert_eq!(store.destination_state(hook()).await, Ok(Some(state)));
    let on = Switch { state: SwitchState::Enabled, reason: String::new(), since: at(9) };
    store.switch_destination(hook(), on.clone(), audit("enable")).await.expect("switched");
    let state = store.destination_state(hook()).await.expect("a state").expect("it is there");
    assert_eq!(
        (state.switch, state.trouble, state.last_success),
        (Some(on.clone()), None, Some(at(7)))
    );
    assert_eq!(store.audit(10).await.expect("audit").len(), 2);
    // Whoever disables it by what was before comes too late.
    for (known, stands) in [(None, true), (Some(at(5)), true), (Some(at(9)), false)] {
        let late = Switch { state: SwitchState::Disabled, reason: "gone".to_owned(), since: at(8) };
        let done = store.disable_destination(hook(), known, late.clone(), audit("disable")).await;
        assert_eq!(done, Ok(!stands), "{known:?}");
        let state = store.destination_state(hook()).await.expect("a state").expect("it is there");
        assert_eq!(state.switch, Some(if stands { on.clone() } else { late }), "{known:?}");
    }
    assert_eq!(store.audit(10).await.expect("audit").len(), 3);
}

/// once.
pub async fn after_a_restart_a_rule_is_paused_until_it_is_resumed<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let paused = |rule: &str, since| PausedRule { bus: name("orders"), rule: name(rule), since };
    let before = *store.revisions().borrow();
    assert_eq!(store.pause_rule(paused("b", at(1)), audit("pause")).await, Ok(true));
    assert_eq!(store.pause_rule(paused("a", at(2)), audit("pause")).await, Ok(true));
    assert_eq!(store.pause_rule(paused("a", at(3)), audit("pause")).await, Ok(false));
    assert!(*store.revisions().borrow() > before);
    drop(store);
    let store = bench.open().await;
    let both = vec![paused("a", at(2)), paused("b", at(1))];
    assert_eq!(store.paused_rules().await, Ok(both));
    let resume = || store.resume_rule(name("orders"), name("a"), audit("resume"));
    assert_eq!(resume().await, Ok(true));
    assert_eq!(resume().await, Ok(false));
    assert_eq!(store.paused_rules().await, Ok(vec![paused("b", at(1))]));
    assert_eq!(store.audit(10).await.expect("audit").len(), 3);
}
