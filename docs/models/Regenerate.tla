----------------------------- MODULE Regenerate -----------------------------
(* The regenerate: the one secret of a key is replaced in place, the old one  *)
(* dies at once. Attempts may be late, doubled or dead, and a lost answer     *)
(* means a lost secret. As long as the rotation may turn back, the old secret *)
(* is the one that works. Follows `once`, activities/regenerate.ts, and the   *)
(* turn-back of activities/postgres/ledger.ts.                                *)
EXTENDS Naturals, FiniteSets

CONSTANTS
  Attempts,
  Steady,           \* the last attempt, which neither dies nor loses its answer, for liveness
  MostFences,       \* how often another run may take over, or an operator turn back
  MostRounds,       \* how often the step is begun anew, under a new key, after its guard refused
  \* What the protocol does; each is TRUE in the product and FALSE in one mistake.
  WaitsOut,         \* a take-over waits for settle_at of the attempts before it
  OwnsStep,         \* an outcome is recorded only by the step's latest attempt
  ChecksFence,      \* ... and only under the fence that holds the rotation
  LookIsOwn,        \* a look is void when another attempt began after it
  RefusesHonestly,  \* a guard says "nothing was sent" only if the store's mark shows it of the earlier attempts, too
  RoundsKnow,       \* rounds act on one object: they wait for each other, and a later one's outcome voids an earlier
  LedgerDecides     \* turning back asks the ledger for intents that may have been sent

Nobody == "nobody"
Old == 0

VARIABLES
  fence, back, round,
  returned,         \* the run believes that nothing was sent: an abort is legal
  kept,             \* the secret in the vault that is recorded as the active one
  done,             \* rounds whose outcome is on record
  latest,           \* of each round: the attempt that began last; under 0: of all rounds
  valid,            \* the attempt that the engine counts on; it hears of no other
  intent, settled,
  pc, mine, at, before, sawLatest, got, \* of each worker: where it is, fence, round, the mark it saw, who was latest then, the new secret
  request,          \* of each attempt: "none", "flying", "landed", "void"
  secret,           \* the secret that the store accepts, which is its mark of the last change, too
  stopped           \* what the last look at the programs showed

run == <<fence, back, round, returned, valid>>
books == <<kept, done, latest, intent>>
worker == <<pc, mine, at, before, sawLatest, got>>
vars == <<run, books, settled, worker, request, secret, stopped>>

Rounds == 1..MostRounds
Init ==
  /\ fence = 1 /\ back = FALSE /\ round = 1 /\ returned = FALSE /\ valid = Nobody
  /\ kept = Old /\ done = {} /\ latest = [r \in {0} \cup Rounds |-> Nobody]
  /\ intent = [a \in Attempts |-> "none"] /\ settled = {}
  /\ pc = [a \in Attempts |-> "idle"] /\ mine = [a \in Attempts |-> 0] /\ at = [a \in Attempts |-> 0]
  /\ before = [a \in Attempts |-> Old] /\ sawLatest = [a \in Attempts |-> Nobody] /\ got = [a \in Attempts |-> Old]
  /\ request = [a \in Attempts |-> "none"] /\ secret = Old /\ stopped = TRUE

Unclear(a, r) ==
  \/ at[a] = r /\ intent[a] \in {"open", "superseded", "applied"}
  \/ RoundsKnow /\ intent[a] \in {"open", "superseded"}
Earlier(a) == {e \in Attempts \ {a} : Unclear(e, at[a])}
MayBegin(a) ==
  /\ mine[a] = fence /\ at[a] \notin done
  /\ WaitsOut => Earlier(a) \subseteq settled
Passed(a) == RoundsKnow /\ \E r \in done : r > at[a]
(* Who began last, of the rounds that know of each other. *)
Newest(r) == IF RoundsKnow THEN latest[0] ELSE latest[r]

(* The engine hands the step to a worker, and counts on it from now on. *)
Hand(a) ==
  /\ pc[a] = "idle" /\ pc[Steady] = "idle" /\ ~back /\ ~returned /\ round \notin done
  /\ valid' = a
  /\ mine' = [mine EXCEPT ![a] = fence] /\ at' = [at EXCEPT ![a] = round]
  /\ pc' = [pc EXCEPT ![a] = "handed"]
  /\ UNCHANGED <<fence, back, round, returned, books, settled, before, sawLatest, got, request, secret, stopped>>

(* First transaction, then the look at the store's mark. *)
Look(a) ==
  /\ pc[a] = "handed" /\ MayBegin(a)
  /\ sawLatest' = [sawLatest EXCEPT ![a] = Newest(at[a])]
  /\ before' = [before EXCEPT ![a] = secret]
  /\ pc' = [pc EXCEPT ![a] = "looked"]
  /\ UNCHANGED <<run, books, settled, mine, at, got, request, secret, stopped>>

Begin(a) ==
  /\ pc[a] = "looked" /\ MayBegin(a) /\ ~Passed(a)
  /\ LookIsOwn => Newest(at[a]) = sawLatest[a]
  /\ intent' = [e \in Attempts |-> IF e = a THEN "open" ELSE IF e \in Earlier(a) /\ intent[e] = "open" THEN "superseded" ELSE intent[e]]
  /\ latest' = [latest EXCEPT ![at[a]] = a, ![0] = a]
  /\ pc' = [pc EXCEPT ![a] = "begun"]
  /\ UNCHANGED <<run, kept, done, settled, mine, at, before, sawLatest, got, request, secret, stopped>>

(* A worker whose transaction is refused ends; the engine may try again. *)
Refused(a) ==
  /\ pc[a] \in {"handed", "looked"} /\ (mine[a] # fence \/ at[a] \in done \/ Passed(a) \/ (pc[a] = "looked" /\ LookIsOwn /\ Newest(at[a]) # sawLatest[a]))
  /\ pc' = [pc EXCEPT ![a] = "failed"]
  /\ UNCHANGED <<run, books, settled, mine, at, before, sawLatest, got, request, secret, stopped>>

(* Those that a's begin saw: whoever began later is not known to it. *)
Unchanged(a) == \A e \in Earlier(a) : intent[e] # "open" => before[e] = before[a]

GuardRefuses(a) ==
  /\ pc[a] = "begun" /\ ~stopped
  /\ intent' = [e \in Attempts |->
       IF e = a \/ (Unchanged(a) /\ e \in Earlier(a) /\ intent[e] = "superseded" /\ latest[at[a]] = a) THEN "not-sent" ELSE intent[e]]
  /\ pc' = [pc EXCEPT ![a] = IF Unchanged(a) \/ ~RefusesHonestly THEN "refused" ELSE "failed"]
  /\ UNCHANGED <<run, kept, done, latest, settled, mine, at, before, sawLatest, got, request, secret, stopped>>

Send(a) ==
  /\ pc[a] = "begun" /\ stopped /\ a \notin settled
  /\ request' = [request EXCEPT ![a] = "flying"] /\ pc' = [pc EXCEPT ![a] = "sent"]
  /\ UNCHANGED <<run, books, settled, mine, at, before, sawLatest, got, secret, stopped>>

TooLate(a) ==
  /\ pc[a] = "begun" /\ a \in settled
  /\ intent' = [intent EXCEPT ![a] = "not-sent"] /\ pc' = [pc EXCEPT ![a] = "failed"]
  /\ UNCHANGED <<run, kept, done, latest, settled, mine, at, before, sawLatest, got, request, secret, stopped>>

Land(a) ==
  /\ request[a] = "flying"
  /\ request' = [request EXCEPT ![a] = "landed"] /\ secret' = secret + 1 /\ got' = [got EXCEPT ![a] = secret + 1]
  /\ UNCHANGED <<run, books, settled, pc, mine, at, before, sawLatest, stopped>>

Answer(a) ==
  /\ pc[a] = "sent" /\ request[a] = "landed" /\ a \notin settled
  /\ pc' = [pc EXCEPT ![a] = "answered"]
  /\ UNCHANGED <<run, books, settled, mine, at, before, sawLatest, got, request, secret, stopped>>

LoseAnswer(a) ==
  /\ pc[a] = "sent" /\ a # Steady
  /\ pc' = [pc EXCEPT ![a] = "failed"]
  /\ UNCHANGED <<run, books, settled, mine, at, before, sawLatest, got, request, secret, stopped>>

Settle(a) ==
  /\ intent[a] # "none" /\ a \notin settled
  /\ a = Steady => pc[a] \notin {"begun", "sent"}
  /\ settled' = settled \cup {a}
  /\ request' = [request EXCEPT ![a] = IF @ = "flying" THEN "void" ELSE @]
  /\ UNCHANGED <<run, books, worker, secret, stopped>>

MayRecord(a) == at[a] \notin done /\ (ChecksFence => mine[a] = fence) /\ (OwnsStep => latest[at[a]] = a /\ intent[a] = "open")

Commit(a) ==
  /\ pc[a] = "answered"
  /\ IF MayRecord(a)
       THEN /\ kept' = got[a] /\ done' = done \cup {at[a]} /\ intent' = [intent EXCEPT ![a] = "applied"] /\ pc' = [pc EXCEPT ![a] = "done"]
       ELSE /\ pc' = [pc EXCEPT ![a] = "failed"] /\ UNCHANGED <<kept, done, intent>>
  /\ UNCHANGED <<run, latest, settled, mine, at, before, sawLatest, got, request, secret, stopped>>

Die(a) ==
  /\ a # Steady /\ pc[a] \in {"handed", "looked", "begun", "sent", "answered"}
  /\ pc' = [pc EXCEPT ![a] = "dead"]
  /\ UNCHANGED <<run, books, settled, mine, at, before, sawLatest, got, request, secret, stopped>>

(* The engine hears that the guard said no and that nothing was sent. *)
Return ==
  /\ valid # Nobody /\ pc[valid] = "refused" /\ ~returned /\ ~back
  /\ returned' = TRUE /\ valid' = Nobody
  /\ UNCHANGED <<fence, back, round, books, settled, worker, request, secret, stopped>>

Beyond == {a \in Attempts : intent[a] \in {"open", "superseded", "applied"}}

TakeOver ==
  /\ fence < MostFences /\ ~back /\ pc[Steady] = "idle"
  /\ fence' = fence + 1 /\ valid' = Nobody
  /\ returned' = (Beyond = {})
  /\ UNCHANGED <<back, round, books, settled, worker, request, secret, stopped>>

Again ==
  /\ returned /\ ~back
  /\ IF round < MostRounds /\ pc[Steady] = "idle" THEN round' = round + 1 /\ returned' = FALSE ELSE UNCHANGED <<round, returned>>
  /\ UNCHANGED <<fence, back, valid, books, settled, worker, request, secret, stopped>>

TurnBack ==
  /\ returned /\ ~back
  /\ LedgerDecides => Beyond = {}
  /\ back' = TRUE /\ fence' = fence + 1
  /\ UNCHANGED <<round, returned, valid, books, settled, worker, request, secret, stopped>>

(* Programs are looked at again. The steady attempt comes after a look that showed that nothing runs. *)
LookAtPrograms ==
  /\ pc[Steady] = "idle" /\ stopped' = ~stopped
  /\ UNCHANGED <<run, books, settled, worker, request, secret>>

Work(a) == Hand(a) \/ Look(a) \/ Begin(a) \/ Send(a) \/ TooLate(a) \/ Answer(a) \/ Commit(a) \/ Refused(a)

Next ==
  \/ \E a \in Attempts : Work(a) \/ GuardRefuses(a) \/ Land(a) \/ LoseAnswer(a) \/ Settle(a) \/ Die(a)
  \/ Return \/ TakeOver \/ Again \/ TurnBack \/ LookAtPrograms

Spec ==
  /\ Init /\ [][Next]_vars
  /\ WF_vars(Work(Steady)) /\ WF_vars(GuardRefuses(Steady)) /\ WF_vars(Land(Steady)) /\ WF_vars(Return) /\ WF_vars(Again)
  /\ \A a \in Attempts : WF_vars(Settle(a))

-----------------------------------------------------------------------------
MayActYet == {a \in Attempts : request[a] = "flying"}
(* I3, I4 *) OldWorksOnTheWayBack == back => secret = Old /\ MayActYet = {} /\ kept = Old
(* A recorded secret is the one that works, unless a later attempt has begun that will replace it, or is lost and looked for. *)
(* I4 *) VaultHoldsTheLast == done # {} => kept = secret \/ \E a \in Attempts : intent[a] \in {"open", "superseded"} /\ request[a] # "none" /\ ~Passed(a)
(* What is closed as not sent was not sent. *)
NotSentIsTrue == \A a \in Attempts : intent[a] = "not-sent" => request[a] \in {"none", "void"}
(* I6 *) LateRecordsNothing ==
  [][done' # done => \E a \in Attempts : pc[a] = "answered" /\ mine[a] = fence /\ latest[at[a]] = a]_vars
(* I8: an attempt waits for nothing that does not come; if it failed, the engine tries again. *)
ComesToAnEnd == [](pc[Steady] = "handed" => <>(pc[Steady] \in {"done", "refused", "failed"}))
=============================================================================
