/* SPDX-License-Identifier: Apache-2.0
   Lease, heartbeat, ack and confirm: one producer, a hub that crashes, two workers. README.md says
   what is left out and why that may be; check.py runs every check and every mutation.

   Names are the code's, and the comment above a transition names the function that it stands for.
   A set of messages is a bit mask. What is an Instant in the code is here the number of ticks until
   then: it is counted down to 0 and no further, so that time never ends and states do. */

#ifndef MESSAGES
#define MESSAGES 1
#endif
#ifndef FAULTS /* lost connections, kills, power cuts, the end of a worker: so many in all */
#define FAULTS 2
#endif
/* Which faults there are. */
#ifndef LOSSES /* a connection ends */
#define LOSSES 1
#endif
#ifndef ENDS /* a worker ends */
#define ENDS 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef POWER_CUTS
#define POWER_CUTS 1
#endif
#ifndef BEATS /* 0: belief by HELLO only; enough where beats are not what it is about */
#define BEATS 1
#endif
#ifndef MARGIN /* in ticks, as LEASE; the hub's clock may be one tick ahead of the workers' */
#define MARGIN 1
#endif
#ifndef LEASE
#define LEASE   1
#endif
#define WORKERS 2
#define P       2 /* the producer's place among the peers; the workers are 0 and 1 */
#define ALL     ((1 << MESSAGES) - 1)
#ifdef ONE_TIMED /* worker 1 is always heard, and never loses its connection but to a crash */
#define is_timed(w) (w == 0)
#else
#define is_timed(w) true
#endif
#define lowest(set) ((set) & -(set))

mtype:state = { waiting, greeting, established, closed }; /* SessionMachine::State */
mtype:place = { away, here, dead }; /* Session::connection: none, the present one, an old one */
mtype:message = { HELLO, WELCOME, OPEN, OPENED, SEND, CONFIRM, DELIVER, SETTLE, SETTLED, BEAT, BYE,
                  UNKNOWN_SESSION };

/* What a commit holds; docs/store.md, "Rows". */
typedef Rows {
  byte ranges;          /* p: ProducerSet, the sequences that were accepted */
  byte ready;           /* RunState::ready, or fresh */
  byte leased[WORKERS]; /* RunState::leased, by whose session */
  byte settled;         /* accepted, and in no run any more */
  byte token[WORKERS];  /* n: the worker's session; 0: it has none */
  byte machine_boot     /* f: HubRow::machine_boot */
};
Rows live;    /* HubMachine's own */
Rows sealed;  /* the commit under way */
Rows written; /* survives kill -9 */
Rows synced;  /* survives power loss */

typedef Session {
  mtype:place connection;
  bool open;     /* OPEN and CREDIT have come */
  byte deadline
};
Session session[3];

/* What a peer is to be told: HubMachine::gated_, and Turn::waiting_ for the commit under way. */
typedef Told {
  byte welcome; /* WELCOME: the token, + 4 if resumed; to the producer OPENED */
  byte settled;
  byte deliver;
  byte confirm
};
Told gated[3], waiting_for[3];

typedef Machine { /* WorkerMachine with its SessionMachine */
  mtype:state state;
  byte token;
  byte in_hand;      /* WorkerMachine::ready_ and hands_ */
  byte records;      /* SETTLE sent, or to be sent, and not answered */
  byte believed;     /* ticks until believed_until_ */
  byte greeted;      /* what WELCOME will make of it: greeted_at_ + L */
  byte beat;         /* what the echo will make of it: beats_.front().at + L */
  bool beat_is_out   /* sent and not echoed */
#ifdef LIVENESS
  ; bool beat_is_done /* in this tick; else one beat after another would keep time from passing */
#endif
};
Machine machine[WORKERS];

bool commit_under_way, durable, appended, touched;
byte hold;         /* ticks until hold_until_ */
byte machine_boot; /* of the machine; another one after a power cut */
byte faults = FAULTS;
bool hub_is_ahead;
byte confirmed, answered; /* what the producer and the workers were told */
mtype:state producer_state = waiting;

/* A connection keeps its order and loses nothing but its end. */
bool link[3];
chan up[3] = [6] of { mtype:message, byte, byte };
chan down[3] = [8] of { mtype:message, byte, byte };
/* A HELLO of a connection that its worker has given up, still on its way: only the order within a
   connection is kept. */
typedef LateHello { byte token; byte held; bool overtaken };
LateHello late[WORKERS];

#define rightly_believes(w, set) \
  (is_timed(w) && machine[w].believed > 0 && (machine[w].in_hand & (set)) != 0)
inline check_one_holder(w) { /* G2 */
  assert(!rightly_believes(w, live.leased[1 - w]));
  assert(!(rightly_believes(0, machine[1].in_hand) && rightly_believes(1, machine[0].in_hand)))
}

inline copy(to, from) {
  to.ranges = from.ranges; to.ready = from.ready; to.settled = from.settled;
  to.leased[0] = from.leased[0]; to.leased[1] = from.leased[1];
  to.token[0] = from.token[0]; to.token[1] = from.token[1];
  to.machine_boot = from.machine_boot
}
#define same(one, other) \
  (one.ranges == other.ranges && one.ready == other.ready && one.settled == other.settled && \
   one.leased[0] == other.leased[0] && one.leased[1] == other.leased[1] && \
   one.token[0] == other.token[0] && one.token[1] == other.token[1] && \
   one.machine_boot == other.machine_boot)
inline forget(told) {
  told.welcome = 0; told.settled = 0; told.deliver = 0; told.confirm = 0
}
inline take(to, from) {
  to.welcome = from.welcome; to.settled = from.settled; to.deliver = from.deliver;
  to.confirm = from.confirm; forget(from)
}

inline forget_synced() {
  synced.ranges = 0; synced.ready = 0; synced.settled = 0; synced.leased[0] = 0;
  synced.leased[1] = 0; synced.token[0] = 0; synced.token[1] = 0; synced.machine_boot = 0
}
/* A fault is used up. After the last nobody asks any more what was synced. */
inline strike() {
  faults--;
  if
  :: faults == 0 -> forget_synced()
  :: else
  fi
}

/* The connection ends with all that is on it, wherever each side stands. */
inline cut(peer) {
  link[peer] = false;
  do
#ifdef LATE_HELLO
  :: up[peer] ? [HELLO, _, _] -> up[peer] ? command, a, b;
     if
     :: a != 0 -> late[peer].token = a; late[peer].held = b; late[peer].overtaken = false
     :: true
     fi
  :: nempty(up[peer]) && !(up[peer] ? [HELLO, _, _]) -> up[peer] ? command, a, b
#else
  :: nempty(up[peer]) -> up[peer] ? command, a, b
#endif
  :: empty(up[peer]) -> break
  od;
  do
  :: nempty(down[peer]) -> down[peer] ? command, a, b
  :: empty(down[peer]) -> break
  od;
  forget(gated[peer]); forget(waiting_for[peer]);
  if
  :: session[peer].connection == here -> session[peer].connection = dead
  :: else
  fi;
  command = 0; a = 0; b = 0
}
inline say(peer, what, x, y) {
  if
  :: link[peer] -> up[peer] ! what, x, y
  :: else
  fi
}

/* ---- The hub ------------------------------------------------------------------------------- */

/* HubMachine::end_session; the same for a death and a BYE, as nobody is blamed here (G3). */
inline end_session(w) {
#ifndef REQUEUE_FORGOTTEN
  live.ready = live.ready | live.leased[w];
  live.leased[w] = 0;
#endif
  live.token[w] = 0;
  session[w].connection = away; session[w].open = false; session[w].deadline = 0;
  touched = true
}

/* HubMachine::on_hello. An unknown token makes a new session, which the worker does not know. */
inline on_hello(w, token_, listed, from) {
  if
  :: live.token[w] != 0 && live.token[w] == token_ -> /* HubMachine::resume, release_except */
#ifndef RESUME_KEEPS_ALL
     live.ready = live.ready | (live.leased[w] & ~listed);
     live.leased[w] = live.leased[w] & listed;
#endif
     x = token_ | 4
  :: else -> /* start_session. The worker never opened the one that was here: it holds nothing */
#ifndef MUTATION
     assert(live.leased[w] == 0);
#endif
     x = (token_ != 1 && late[w].token != 1 -> 1 : (token_ != 2 && late[w].token != 2 -> 2 : 3));
     live.token[w] = x
  fi;
  session[w].open = false; /* close_handles */
  session[w].deadline = LEASE + MARGIN; /* hear */
  session[w].connection = from; /* bind_connection */
  if
  :: from == here -> forget(gated[w]); forget(waiting_for[w]); gated[w].welcome = x;
     late[w].overtaken = (late[w].token != 0)
  :: else
  fi;
  x = 0; touched = true
}

/* HubMachine::on_message, of a worker. */
inline on_message(w) {
  up[w] ? command, a, b;
  if
  :: command == HELLO -> on_hello(w, a, b, here)
  :: command != HELLO && session[w].connection != here -> down[w] ! UNKNOWN_SESSION, 0, 0
  :: else ->
     session[w].deadline = LEASE + MARGIN; /* hear */
     if
     :: command == OPEN -> session[w].open = true; touched = true /* on_open, on_credit */
     :: command == BEAT -> down[w] ! BEAT, 0, 0 /* on_beat: at_once_, whatever the store does */
     :: command == SETTLE -> /* on_settle, Group::settle: done, or stale; answered in both cases */
        live.settled = live.settled | (live.leased[w] & a);
        live.leased[w] = live.leased[w] & ~a;
#ifdef SETTLED_BEFORE_COMMIT
        down[w] ! SETTLED, a, a & live.settled;
#else
        gated[w].settled = gated[w].settled | a;
#endif
        touched = true
     :: command == BYE -> end_session(w)
     fi
  fi;
  command = 0; a = 0; b = 0
}

/* HubMachine::on_message, of the producer: finish_open; accept_part and add_confirm. */
inline on_producer_message() {
  up[P] ? command, a, b;
  if
  :: command == OPEN ->
     session[P].connection = here;
#ifdef OPENED_BEFORE_COMMIT
     down[P] ! OPENED, live.ranges, 0
#else
     gated[P].welcome = 1; gated[P].confirm = live.ranges /* OPENED's known ranges */
#endif
  :: command == SEND ->
     if
     :: (live.ranges & a) != 0 -> gated[P].confirm = gated[P].confirm | a /* a duplicate */
     :: else ->
        assert(((live.ready | live.leased[0] | live.leased[1] | live.settled) & a) == 0); /* G5 */
        live.ranges = live.ranges | a;
        live.ready = live.ready | a;
        appended = true;
#ifdef CONFIRM_BEFORE_COMMIT
        down[P] ! CONFIRM, a, 0
#else
        gated[P].confirm = gated[P].confirm | a
#endif
     fi
  fi;
  touched = true; command = 0; a = 0
}

#define takes(w) (session[w].open && session[w].connection != away) /* HubMachine::takers */
/* Group::lease and HubMachine::deliver. The worker's belief has ended before the hub's (G2). */
inline lease(w, set) {
  assert(!rightly_believes(1 - w, set)); /* G2 */
  live.leased[w] = live.leased[w] | (set);
  if
#ifdef DELIVER_BEFORE_COMMIT
  :: (set) != 0 && session[w].connection == here -> down[w] ! DELIVER, set, 0
#else
  :: (set) != 0 && session[w].connection == here -> gated[w].deliver = gated[w].deliver | (set)
#endif
  :: else /* tell() to a connection that is gone */
  fi
}
/* HubMachine::dispatch: everything that is ready goes out if anybody takes it. */
inline dispatch() {
  if
  :: hold == 0 && live.ready != 0 && (takes(0) || takes(1)) ->
     if
     :: takes(0) -> x = live.ready
     :: takes(1) -> x = 0
     :: takes(0) && takes(1) && MESSAGES > 1 -> x = live.ready & 1
     fi;
     y = live.ready & ~x;
     live.ready = 0;
     lease(0, x); lease(1, y); x = 0; y = 0
  :: else
  fi
}

inline send_waiting(w) {
  if
  :: waiting_for[w].welcome != 0 ->
     down[w] ! WELCOME, waiting_for[w].welcome & 3, waiting_for[w].welcome >> 2
  :: else
  fi;
  if
  :: waiting_for[w].settled != 0 ->
     down[w] ! SETTLED, waiting_for[w].settled, waiting_for[w].settled & written.settled
  :: else
  fi;
  if
  :: waiting_for[w].deliver != 0 -> down[w] ! DELIVER, waiting_for[w].deliver, 0
  :: else
  fi;
  forget(waiting_for[w])
}
inline send_all_waiting() {
  send_waiting(0); send_waiting(1);
  if
  :: waiting_for[P].welcome != 0 -> down[P] ! OPENED, waiting_for[P].confirm, 0
  :: waiting_for[P].welcome == 0 && waiting_for[P].confirm != 0 ->
     down[P] ! CONFIRM, waiting_for[P].confirm, 0
  :: else
  fi;
  forget(waiting_for[P])
}
/* Turn::take_store_events, HubMachine::on_committed */
inline on_committed() {
  copy(written, sealed);
  if
  :: faults > 0 -> copy(synced, written)
  :: !durable || faults == 0 /* not on the disk yet: power loss takes it, with all after it */
  fi;
  durable = false; commit_under_way = false;
  send_all_waiting()
}

/* HubMachine::seal and Turn::finish, only while no commit is under way. */
inline seal() {
  dispatch();
  copy(sealed, live);
#ifdef SET_NOT_IN_COMMIT
  sealed.ranges = written.ranges;
#endif
#ifndef NO_SYNC
  durable = appended;
#endif
  appended = false;
  take(waiting_for[0], gated[0]); take(waiting_for[1], gated[1]); take(waiting_for[P], gated[P]);
  touched = false;
  if
  :: same(sealed, written) -> send_all_waiting() /* an empty commit */
  :: else -> commit_under_way = true
  fi
}

/* HubMachine::recover: read_hub_row, read_queues, read_sessions, begin_boot. */
inline recover(rows) {
  cut(0); cut(1); cut(P);
  late[0].token = 0; late[1].token = 0; late[0].held = 0; late[1].held = 0;
  assert((confirmed & ~rows.ranges) == 0); /* G1 */
  /* G1 */
  assert((rows.ranges & ~(rows.ready | rows.leased[0] | rows.leased[1] | rows.settled)) == 0);
  copy(live, rows);
  copy(written, rows); copy(sealed, rows);
  copy(synced, rows); /* begin_boot syncs its commit, and with it all before */
  session[P].connection = away;
  recover_session(0); recover_session(1);
  hold = 0;
  if
  :: rows.machine_boot != machine_boot -> /* unsynced leases may be gone, with the machine */
#ifndef NO_HOLD
     hold = LEASE + MARGIN;
#endif
#ifndef SESSIONS_KEPT
     live.ready = live.ready | live.leased[0] | live.leased[1];
     live.leased[0] = 0; live.leased[1] = 0; live.token[0] = 0; live.token[1] = 0;
     session[0].deadline = 0; session[1].deadline = 0;
#endif
#ifdef BOOT_WRITTEN_AT_ONCE
     live.machine_boot = machine_boot; written.machine_boot = machine_boot;
     sealed.machine_boot = machine_boot; synced.machine_boot = machine_boot
#endif
  :: else
  fi;
  commit_under_way = false; durable = false; appended = false; touched = true
}
inline recover_session(w) {
  session[w].connection = away; session[w].open = false;
#ifdef DEADLINE_NOT_RENEWED
  session[w].deadline = 0
#else
  session[w].deadline = (live.token[w] != 0 -> LEASE + MARGIN : 0)
#endif
}

/* HubMachine::on_hello: one that a later HELLO of the same peer has overtaken is told by its number
   and refused. */
#ifdef HELLO_NOT_NUMBERED
#define is_obeyed(w) (late[w].token == live.token[w])
#else
#define is_obeyed(w) (late[w].token == live.token[w] && !late[w].overtaken)
#endif
inline on_late_hello(w) {
  if
  :: is_obeyed(w) -> on_hello(w, late[w].token, late[w].held, dead)
  :: else /* an unknown token: a session that nobody ever speaks for, and that holds nothing */
  fi;
  late[w].token = 0; late[w].held = 0; late[w].overtaken = false
}

proctype hub() {
  mtype:message command; byte a, b, x, y;
  do
  :: atomic { /* a turn: Hub::Shell::turn */
     if
     :: nempty(up[0]) -> on_message(0)
     :: nempty(up[1]) -> on_message(1)
     :: nempty(up[P]) -> on_producer_message()
#ifdef LATE_HELLO
     :: late[0].token != 0 -> on_late_hello(0)
     :: late[1].token != 0 -> on_late_hello(1)
#endif
     /* HubMachine::expire_sessions */
     :: live.token[0] != 0 && session[0].deadline == 0 -> end_session(0)
     :: live.token[1] != 0 && session[1].deadline == 0 -> end_session(1)
     :: commit_under_way -> on_committed()
     :: touched && !commit_under_way
     /* kill -9, or a failed commit (Hub::Shell::start_again): that one is there or is not */
     :: KILLS && faults > 0 ->
        if
        :: commit_under_way -> copy(written, sealed)
        :: true
        fi;
        assert((answered & ~written.settled) == 0); /* G1: an answered settle survives kill -9 */
        recover(written); strike()
     /* power loss */
     :: POWER_CUTS && faults > 0 -> machine_boot++;
        if
        :: commit_under_way -> copy(synced, sealed)
        :: true
        fi;
        answered = answered & synced.settled;
        recover(synced); strike()
     fi;
     if
     :: touched && !commit_under_way -> seal()
     :: else /* what comes while a commit is under way is in the next one */
     fi }
  od
}
/* ---- A worker ------------------------------------------------------------------------------ */

#define me machine[w]

/* SessionMachine::greet: on a new socket, or on this one after UNKNOWN_SESSION. */
inline greet() {
  link[w] = true;
  up[w] ! HELLO, me.token, me.in_hand | me.records; /* WorkerMachine::held */
  me.greeted = LEASE;
  me.state = greeting
}

/* SessionMachine::apply, WorkerMachine::on_received. */
inline on_received() {
  down[w] ? command, a, b;
  if
  :: command == WELCOME && me.state == greeting -> /* on_welcome, on_welcomed, on_opened */
     if
     :: b == 0 || me.token == 0 -> me.in_hand = 0; me.records = 0 /* lose_everything */
     :: else
     fi;
     me.token = a; me.believed = me.greeted; me.greeted = 0;
     me.beat = 0; me.beat_is_out = false; me.state = established;
     up[w] ! OPEN, 0, 0;
     if
     :: me.records != 0 -> up[w] ! SETTLE, me.records, 0
     :: else
     fi
  :: command == BEAT && me.state == established && me.beat_is_out -> /* on_beat */
#ifdef BELIEF_FROM_ECHO
     me.believed = LEASE;
#else
     me.believed = (me.beat > me.believed -> me.beat : me.believed);
#endif
     me.beat = 0; me.beat_is_out = false
  :: command == DELIVER && me.state == established -> /* on_deliver */
     me.in_hand = me.in_hand | a
  :: command == SETTLED && me.state == established -> /* on_settled */
     me.records = me.records & ~a;
     answered = answered | b
  :: command == UNKNOWN_SESSION && me.state == established -> /* on_error: HELLO on this socket */
     lose(); greet()
  :: else /* "came too late to mean anything" */
  fi;
  command = 0; a = 0; b = 0;
  check_one_holder(w)
}
/* SessionMachine::lose */
inline lose() {
  me.state = waiting; me.beat = 0; me.beat_is_out = false; me.greeted = 0
}
inline leave() {
  lose(); me.state = closed; me.in_hand = 0; me.records = 0; me.believed = 0
}

#ifdef LIVENESS
#define beat_is_due !me.beat_is_done
#define note_beat() me.beat_is_done = true
#else
#define beat_is_due true
#define note_beat() skip
#endif
#define may_end (ENDS && faults > 0 && is_timed(w) && machine[1 - w].state != closed)
#ifdef BYE_WHILE_WORKING
#define may_say_bye true
#else
#define may_say_bye (me.in_hand == 0)
#endif

proctype worker(byte w) {
  mtype:message command; byte a, b;
  atomic { greet() }
  do
  :: atomic { nempty(down[w]) && me.state != closed -> on_received() }
  /* SessionMachine::beat */
  :: atomic { BEATS && is_timed(w) && me.state == established && !me.beat_is_out && beat_is_due ->
     say(w, BEAT, 0, 0);
     me.beat = LEASE; me.beat_is_out = true; note_beat() }
  /* WorkerMachine::on_finished, send_settles. A handler may take any time, past its lease too. */
  :: atomic { me.in_hand != 0 ->
     a = lowest(me.in_hand);
     me.in_hand = me.in_hand & ~a; me.records = me.records | a;
     if
     :: me.state == established -> say(w, SETTLE, a, 0)
     :: else
     fi;
     a = 0 }
  /* SocketFailed, or silence: SessionMachine::tick */
  :: atomic { !link[w] && (me.state == greeting || me.state == established) -> lose(); greet() }
  :: atomic { LOSSES && faults > 0 && is_timed(w) && link[w] -> cut(w); strike() }
  /* kill -9 of the worker; the other one must do what is left */
  :: atomic { may_end && me.state != closed ->
     cut(w); leave(); strike() }
  /* WorkerMachine::on_leave: BYE only if nobody works on anything */
  :: atomic { may_end && me.state == established && may_say_bye ->
     say(w, BYE, 0, 0); lose(); me.state = closed; strike() }
  od
}

/* ---- The producer -------------------------------------------------------------------------- */

proctype producer() {
  mtype:message command; byte a, b, sent;
  do
  /* SessionMachine::greet, ProducerMachine::on_welcomed */
  :: atomic { producer_state == waiting ->
     link[P] = true; up[P] ! OPEN, 0, 0; producer_state = greeting }
  :: atomic { nempty(down[P]) ->
     down[P] ? command, a, b;
     if
     :: command == OPENED -> producer_state = established /* on_opened, confirm_known */
     :: else /* on_confirm */
     fi;
     confirmed = confirmed | a;
     command = 0; a = 0 }
  /* send_due: in order, what was not sent on this connection */
  :: atomic { producer_state == established && (ALL & ~(confirmed | sent)) != 0 ->
     a = lowest(ALL & ~(confirmed | sent));
     sent = sent | a;
     say(P, SEND, a, 0);
     a = 0 }
  /* on_ended: all of it is sent again */
  :: atomic { !link[P] && producer_state != waiting -> producer_state = waiting;
#ifndef NOTHING_SENT_AGAIN
     sent = 0
#endif
     }
  :: atomic { LOSSES && faults > 0 && link[P] -> cut(P); strike() }
  od
}

/* ---- Time ---------------------------------------------------------------------------------- */

#define less(ticks) ticks = (ticks > 0 -> ticks - 1 : 0)

#ifdef LIVENESS
bool healed; /* from then on whatever can be done is done before the tick ends */
#define time_passes (!healed || timeout)
ltl settles { <> (written.settled == ALL && confirmed == ALL) }
#else
#define time_passes true
#endif

#ifdef LIVENESS
proctype heal() { atomic { healed = true; faults = 0; forget_synced() } }
#endif

inline workers_tick(w) {
  if
  :: is_timed(w) ->
     less(machine[w].believed); less(machine[w].greeted); less(machine[w].beat);
#ifdef LIVENESS
     machine[w].beat_is_done = false
#endif
  :: else
  fi
}

inline all_workers_tick() {
  hub_is_ahead = false;
  workers_tick(0); workers_tick(1)
}
inline hub_tick() {
  hub_is_ahead = true;
  less(session[0].deadline);
  if
  :: is_timed(1) -> less(session[1].deadline)
  :: else
  fi;
  if
  :: hold == 1 -> hold = 0; live.machine_boot = machine_boot; touched = true /* tick */
  :: else -> less(hold)
  fi
}

proctype clock() {
  do
  :: atomic { time_passes && !hub_is_ahead -> hub_tick() }
  :: atomic { hub_is_ahead -> all_workers_tick() }
  od
}

init {
  atomic {
    session[0].connection = away; session[1].connection = away; session[P].connection = away;
    machine[0].state = waiting; machine[1].state = waiting;
#ifdef STORED /* no producer: the messages are in the store */
    live.ranges = ALL; live.ready = ALL; confirmed = ALL;
    copy(written, live); copy(synced, live); copy(sealed, live);
#else
    run producer();
#endif
#ifdef ONE_WORKER
    machine[1].state = closed;
#else
    run worker(1);
#endif
    run hub(); run worker(0); run clock()
#ifdef LIVENESS
    ; run heal()
#endif
  }
}
