//! Telling an issue on a public channel: composed of the author's words, frozen, sent through the ledger, read back. And
//! looking, at the start of a wake, what became of the tellings that a crash or a silent server left open.

use chrono::{DateTime, Utc};
use reveille_memory::{Effect, EffectState, Key, Memory, NewEffect, RunId, SUBSCRIBING, Standing};
use reveille_mission::{Channel, Issue, Shelf};
use reveille_skills::channels::{Connection, Fault, Piece, PostLimits, Receipt};
use reveille_skills::delivery::{self, Brakes, Delivered};
use reveille_skills::distribute::{self, Post, Telling};
use reveille_skills::publish;

use crate::act::{Done, publication};
use crate::brakes::Guard;
use crate::connect::connect;
use crate::credential;
use crate::failure::{Cause, Failure, Kind, OrFail, Outcome};
use crate::ledger::{self, Turn};
use crate::observe::Scene;
use crate::tellings::{LEFT_OUT, Part};

/// Tells an issue on a channel that a program may use, where it is its turn.
pub(crate) fn tell(
    guard: &Guard<'_>,
    memory: &mut Memory,
    run: RunId,
    issue: &Issue,
    channel: Channel,
    turn: &Turn,
    approvals: &[String],
) -> Outcome<Done> {
    let scene = guard.scene;
    let connection = connect(scene.settings, scene.home, scene.environment, channel)?;
    let limits = limits(guard, memory, &connection)?;
    let post = compose(scene, issue, channel, turn, Some(limits))?;
    let picture = distribute::picture(scene.home.root(), issue).or_fail()?;
    let part = |piece| ledger::key(&issue.id, channel, &Part { telling: turn.telling, piece }.to_string());
    write_down(guard, memory, run, &post, &part)?;
    let mut receipts: Vec<Receipt> = Vec::new();
    for (at, text) in post.pieces.iter().enumerate() {
        let piece = Piece {
            post: &post,
            text,
            title: &issue.title,
            summary: issue.summary.as_deref().unwrap_or_default(),
            language: &scene.settings.language,
            picture: picture.as_ref().filter(|_| at == 0),
            reply: receipts.first().zip(receipts.last()),
            now: guard.now(),
        };
        let receipt = piece_out(guard, memory, run, &connection, &piece, part(at), (at == 0).then_some(approvals))?;
        receipts.push(receipt);
    }
    leave_out(memory, &part, post.pieces.len(), guard.now())?;
    let places: Vec<String> = receipts.iter().map(|receipt| receipt.place.clone()).collect();
    let first = places.first().cloned().unwrap_or_default();
    Ok(Done { did: format!("told {} on {}: {first}", issue.name(), channel.title()), evidence: places, ..Done::default() })
}

/// All later pieces of a thread, before the first goes out: a thread that a crash cuts off is known to be unfinished. They are
/// frozen when the piece before them is there to reply to.
fn write_down(guard: &Guard<'_>, memory: &mut Memory, run: RunId, post: &Post, part: &dyn Fn(usize) -> Key) -> Outcome {
    for (at, text) in post.pieces.iter().enumerate().skip(1) {
        let new = NewEffect { key: part(at), text: text.as_bytes().to_vec(), token: String::new(), run };
        let _ = memory.intend(&new, guard.now()).or_fail()?;
    }
    Ok(())
}

/// Gives up pieces of a thread that the author has taken out since they were written down.
fn leave_out(memory: &mut Memory, part: &dyn Fn(usize) -> Key, from: usize, now: DateTime<Utc>) -> Outcome {
    for at in from.max(1).. {
        match memory.effect(&part(at)).or_fail()?.map(Memory::standing) {
            Some(Standing::Intended(intended)) => intended.refuse(memory, LEFT_OUT, now).or_fail()?,
            Some(_) => {}
            None => break,
        }
    }
    Ok(())
}

/// One piece, from its intent to its proof. `approvals` are asked for where a telling begins; what has begun goes on.
fn piece_out(
    guard: &Guard<'_>,
    memory: &mut Memory,
    run: RunId,
    connection: &Connection,
    piece: &Piece<'_>,
    key: Key,
    approvals: Option<&[String]>,
) -> Outcome<Receipt> {
    let channel = connection.channel();
    let may = |memory: &Memory| match approvals {
        Some(approvals) => guard.may_begin(memory, channel, approvals),
        None => guard.may_go_on(memory),
    };
    let (step, now) = (|step| guard.faults.reach(step), || guard.now());
    let still = |memory: &Memory| guard.may_go_on(memory);
    let brakes = Brakes { may: &may, still: &still, step: &step, now: &now };
    let known = memory.effect(&key).or_fail()?;
    let standing = match known.map(Memory::standing) {
        // Frozen already: it may have gone out.
        Some(standing @ (Standing::Sending(_) | Standing::Unknown(_) | Standing::Settled(_) | Standing::Awaiting(_))) => standing,
        Some(Standing::Intended(_)) | None => {
            let frozen = connection.freeze(piece).map_err(|fault| failed(guard, memory, fault))?;
            let new = |frozen: &reveille_skills::channels::Frozen| NewEffect {
                key: key.clone(),
                text: frozen.text.clone(),
                token: frozen.token.clone(),
                run,
            };
            delivery::intend(memory, &frozen, new, &brakes).or_fail()?
        }
    };
    let delivered = delivery::deliver(memory, connection, standing, &brakes).or_fail()?;
    if approvals.is_some()
        && matches!(delivered, Delivered::Confirmed(_) | Delivered::Unsure { .. } | Delivered::Failed(Fault::Unclear { .. }))
    {
        guard.count();
    }
    receipt_of(guard, memory, channel, delivered)
}

/// Remembers a telling that the channel refused for good, so that the same words are not tried again.
pub(crate) fn remember_refusal(
    memory: &mut Memory,
    issue: &str,
    channel: Channel,
    turn: &Turn,
    content: &str,
    now: DateTime<Utc>,
) -> Outcome {
    let part = |piece| ledger::key(issue, channel, &Part { telling: turn.telling, piece }.to_string());
    for piece in 0.. {
        let Some(effect) = memory.effect(&part(piece)).or_fail()? else { return Ok(()) };
        if effect.state == EffectState::Refused && effect.error.as_deref() != Some(LEFT_OUT) {
            ledger::keep_refused(memory, issue, channel, content, &effect.error.unwrap_or_default())?;
            // The pieces behind it have nothing to reply to: changed words are a new telling.
            return leave_out(memory, &part, piece + 1, now);
        }
    }
    Ok(())
}

fn receipt_of(guard: &Guard<'_>, memory: &mut Memory, channel: Channel, delivered: Delivered) -> Outcome<Receipt> {
    let held = |what: &str, why: &str| Failure::message(Kind::Failed, format!("{what} {}: {why}", channel.title()));
    match delivered {
        Delivered::Confirmed(receipt) => {
            credential::accepted(memory, channel)?;
            Ok(*receipt)
        }
        Delivered::Held { why } => Err(held("nothing was sent to", &why).hint("the next wake tries again by itself").held()),
        Delivered::Refused { why } => {
            Err(held("nothing will be sent to", &why).hint("change the words, or tell it by hand").because(Cause::Refused))
        }
        Delivered::Failed(fault) => Err(failed(guard, memory, fault)),
        Delivered::Unsure { why } => Err(held("it may have gone out on", &why)
            .because(Cause::Network)
            .hint("the next wake looks again; `reveille posted ITEM URL` says where it is, `--not` that it is not there")),
    }
}

/// A fault of a channel as a failure; a dead credential is remembered until it changes.
pub(crate) fn failed(guard: &Guard<'_>, memory: &mut Memory, fault: Fault) -> Failure {
    let remembered = match &fault {
        Fault::Credential { channel, why } => credential::refused(guard.scene, memory, *channel, why),
        // What it takes may have changed: it is asked anew before the next post.
        Fault::Refused { channel, .. } => memory.keep_text(&format!("limits {channel}"), "").or_fail(),
        _ => Ok(()),
    };
    if let Err(failure) = remembered {
        return failure;
    }
    let said = credential::said(guard.scene, fault.channel(), &fault);
    let failure = Failure::message(Kind::Failed, said).because(Cause::of(&fault));
    let failure = Failure { held: matches!(fault, Fault::Credential { .. }), ..failure };
    match fault.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What a post may be there: what the server said last, asked for where it was never asked.
fn limits(guard: &Guard<'_>, memory: &mut Memory, connection: &Connection) -> Outcome<PostLimits> {
    if let Some(limits) = known_limits(guard.scene, memory, connection.channel())? {
        return Ok(limits);
    }
    let account = connection.account(guard.now()).map_err(|fault| failed(guard, memory, fault))?;
    keep_limits(guard.scene, memory, connection.channel(), &account.limits)?;
    Ok(account.limits)
}

/// Keeps what a server says of the posts it takes, with the account that it said it to.
pub(crate) fn keep_limits(scene: &Scene<'_>, memory: &mut Memory, channel: Channel, limits: &PostLimits) -> Outcome {
    let text = format!("{}\n{}", scene.settings.describe(channel), serde_json::to_string(limits)?);
    memory.keep_text(&format!("limits {channel}"), &text).or_fail()
}

/// What this server said last of the posts it takes.
fn known_limits(scene: &Scene<'_>, memory: &Memory, channel: Channel) -> Outcome<Option<PostLimits>> {
    let text = memory.text(&format!("limits {channel}")).or_fail()?.unwrap_or_default();
    let Some((account, limits)) = text.split_once('\n') else { return Ok(None) };
    Ok(if account == scene.settings.describe(channel) { serde_json::from_str(limits).ok() } else { None })
}

/// The post of a telling.
pub(crate) fn compose(scene: &Scene<'_>, issue: &Issue, channel: Channel, turn: &Turn, limits: Option<PostLimits>) -> Outcome<Post> {
    let page = publish::address(&publication(scene), issue).or_fail()?;
    // Where visits are counted, a post's link says whose it is.
    let link = if scene.settings.site.is_some() { distribute::credited(&page, channel) } else { page };
    let server = scene.settings.channels.mastodon.as_ref().filter(|_| channel == Channel::Mastodon).map(|mastodon| &mastodon.server);
    let publication = &scene.settings.name;
    let telling = Telling { issue, link: link.as_str(), publication, channel, told_before: turn.before, limits, server };
    distribute::compose(&telling, &turn.earlier).or_fail()
}

/// Mails that a crash cut off: nobody can tell whether they arrived, and only the human's word sends them again. What answers a
/// sign-up is no wake's: `serve` may be sending it now.
pub(crate) fn give_up_cut_off_mails(guard: &Guard<'_>, memory: &mut Memory) -> Outcome {
    for effect in memory.effects_in(EffectState::Sending).or_fail()? {
        if !effect.recipient.is_empty()
            && effect.issue != SUBSCRIBING
            && let Standing::Sending(sending) = Memory::standing(effect)
        {
            let _ = sending.lose_sight(memory, "the program ended while it was on its way", guard.now()).or_fail()?;
        }
    }
    Ok(())
}

/// Looks what became of posts that were let go and not settled. What can't be looked at stays as it is and is said.
pub(crate) fn look_back(guard: &Guard<'_>, memory: &mut Memory) -> Outcome<Vec<String>> {
    let mut said = Vec::new();
    let open = open_posts(memory)?;
    if open.is_empty() {
        return Ok(said);
    }
    let shelf = reveille_skills::shelf::load(guard.scene.home.root()).or_fail()?.shelf;
    for effect in open {
        if (guard.stopped)() {
            break;
        }
        let Ok(channel) = effect.channel.parse::<Channel>() else { continue };
        let what = format!("{} on {}", shelf.name_of(&effect.issue), channel.title());
        let connection = match connect(guard.scene.settings, guard.scene.home, guard.scene.environment, channel) {
            Ok(connection) => connection,
            Err(failure) => {
                said.push(format!("{what} may have gone out, and nobody can look: {failure}"));
                continue;
            }
        };
        let (may, step, now) = (|_: &Memory| Ok(()), |step| guard.faults.reach(step), || guard.now());
        let brakes = Brakes { may: &may, still: &may, step: &step, now: &now };
        match delivery::settle(memory, &connection, Memory::standing(effect), &brakes).or_fail()? {
            Delivered::Confirmed(receipt) => said.push(format!("{what} had gone out after all: {}", receipt.place)),
            Delivered::Unsure { why } => said.push(format!("{what} may have gone out: {why}")),
            Delivered::Failed(fault) => said.push(format!("{what} may have gone out: {}", failed(guard, memory, fault))),
            Delivered::Held { .. } | Delivered::Refused { .. } => {}
        }
    }
    Ok(said)
}

/// What to tell of posts that may have gone out.
pub(crate) fn unsettled(memory: &Memory, shelf: &Shelf) -> Outcome<Vec<String>> {
    let say = |effect: Effect| {
        let name = shelf.name_of(&effect.issue);
        let why = effect.error.unwrap_or_default();
        format!("{name} on {} may have gone out ({why}); the next wake looks", effect.channel)
    };
    Ok(open_posts(memory)?.into_iter().map(say).collect())
}

/// Posts on public channels that were let go and not settled.
fn open_posts(memory: &Memory) -> Outcome<Vec<Effect>> {
    let mut effects = memory.effects_in(EffectState::Sending).or_fail()?;
    effects.extend(memory.effects_in(EffectState::Unknown).or_fail()?);
    let web = Channel::Web.to_string();
    effects.retain(|effect| effect.recipient.is_empty() && effect.channel != web);
    Ok(effects)
}
