/** What happens in ledgers, and what each comes to: the tables that all of them are held to. The treasury may give out 10,000 an epoch of 1,000 ms. */

export const TABLE_POLICY = { epochZeroMs: 0, epochMs: 1_000, issueMicroPerEpoch: 10_000n } as const

export const LEDGER_TABLES: Readonly<Record<string, string>> = {
  'a device is given credits once, and not what is none or more than there is': `
    grant d1 alice 1000 for 500 at 0 ok
    grant d1 alice 1000 for 500 at 5 again
    grant d1 alice 2000 for 500 posting-taken
    grant d1 bob 1000 for 500 posting-taken
    grant d2 bob 0 for 500 amount-invalid
    grant d2 bob -1 for 500 amount-invalid
    grant d2 bob 1000000000000001 for 500 amount-invalid
    owner alice: user 1000 hold 0 escrow 0 dispute 0
    owner bob: user 0 hold 0 escrow 0 dispute 0
    treasury -1000 burn 0
  `,
  'the treasury gives out no more than an epoch issues, and what was left is given in the next': `
    grant d1 alice 9000 for 500 at 0 ok
    grant d2 bob 1001 for 500 treasury-empty
    grant d2 bob 1000 for 500 ok
    grant d3 carol 1 for 500 at 999 treasury-empty
    grant d3 carol 10000 for 500 at 1000 ok
    grant d4 dave 1 for 500 at 1999 treasury-empty
    grant d4 dave 20000 for 500 at 3999 ok
    treasury -40000 burn 0
  `,
  'what was not spent of a gift in time goes back, and what was held meanwhile later': `
    grant d1 alice 1000 for 500 at 0 ok
    lapse d1 0 at 499 grant-live
    lapse d2 0 grant-unknown
    hold r1 alice 300 for 900 at 499 ok
    lapse d1 0 at 500 ok
    lapse d1 0 again
    lapse d1 1 nothing-due
    owner alice: user 0 hold 300 escrow 0 dispute 0
    treasury -300 burn 0
    release r1 ok
    lapse d1 1 ok
    lapse d1 2 nothing-due
    owner alice: user 0 hold 0 escrow 0 dispute 0
    treasury 0 burn 0
  `,
  'what was given is spent before what was earned, and that first which is lost soonest': `
    grant d1 alice 1000 for 900 at 0 ok
    grant d2 alice 500 for 300 ok
    hold r1 alice 700 for 100 ok
    settle r1/0 bob 600 burn 30 escrow 10 final ok
    owner alice: user 900 hold 0 escrow 0 dispute 0
    lapse d2 0 at 300 nothing-due
    lapse d1 0 at 900 ok
    owner alice: user 0 hold 0 escrow 0 dispute 0
    owner bob: user 0 hold 0 escrow 570 dispute 0
    vest r1/0 ok
    owner bob: user 570 hold 0 escrow 0 dispute 0
    treasury -600 burn 30
  `,
  'a request is held for, paid and the rest given back': `
    grant d1 alice 1000 for 500 at 0 ok
    hold r1 alice 400 for 50 at 10 ok
    hold r1 alice 400 for 50 at 12 again
    hold r1 alice 401 for 50 posting-taken
    hold r1 bob 400 for 50 posting-taken
    owner alice: user 600 hold 400 escrow 0 dispute 0
    settle r1/0 bob 300 burn 15 escrow 20 final at 20 ok
    settle r1/0 bob 300 burn 15 escrow 20 final at 30 again
    settle r1/0 bob 299 burn 15 escrow 20 final posting-taken
    settle r1/1 bob 1 burn 0 escrow 20 hold-ended
    owner alice: user 700 hold 0 escrow 0 dispute 0
    owner bob: user 0 hold 0 escrow 285 dispute 0
    vest r1/0 at 39 escrow-live
    vest r1/1 settlement-unknown
    vest r1/0 at 40 ok
    vest r1/0 again
    owner bob: user 285 hold 0 escrow 0 dispute 0
    treasury -1000 burn 15
  `,
  'nobody sets aside what they do not have, nor what others still owe them': `
    hold r1 alice 1 for 50 at 0 credits-short
    grant d1 alice 100 for 500 ok
    hold r1 alice 101 for 50 credits-short
    hold r1 alice 0 for 50 amount-invalid
    hold r1 alice -5 for 50 amount-invalid
    hold r1 alice 60 for 50 ok
    hold r2 alice 60 for 50 credits-short
    hold r2 alice 40 for 50 ok
    settle r1/0 bob 60 burn 0 escrow 1000 ok
    hold r3 bob 1 for 50 credits-short
    owner alice: user 0 hold 40 escrow 0 dispute 0
    owner bob: user 0 hold 0 escrow 60 dispute 0
  `,
  'each stage is paid out of one hold, none twice, and all together no more than it': `
    grant d1 alice 1000 for 500 at 0 ok
    hold r1 alice 300 for 50 ok
    settle r1/0 bob 100 burn 5 escrow 10 ok
    settle r1/1 carol 100 burn 5 escrow 10 ok
    settle r1/2 dave 101 burn 5 escrow 10 hold-short
    settle r1/2 dave 0 burn 0 escrow 10 amount-invalid
    settle r1/2 dave 50 burn 51 escrow 10 amount-invalid
    settle r1/2 dave 50 burn -1 escrow 10 amount-invalid
    settle r1/2 alice 50 burn 0 escrow 10 self-dealing
    settle r2/0 dave 50 burn 0 escrow 10 hold-unknown
    settle r1/2 dave 100 burn 5 escrow 10 ok
    settle r1/3 dave 1 burn 0 escrow 10 hold-ended
    release r1 hold-ended
    owner alice: user 700 hold 0 escrow 0 dispute 0
    owner bob: user 0 hold 0 escrow 95 dispute 0
    owner carol: user 0 hold 0 escrow 95 dispute 0
    owner dave: user 0 hold 0 escrow 95 dispute 0
    treasury -1000 burn 15
  `,
  'a hold goes back by the asker’s word at once, and by its time alone only after it': `
    grant d1 alice 1000 for 500 at 0 ok
    hold r1 alice 300 for 50 ok
    release r1 expired at 49 hold-live
    release r2 hold-unknown
    settle r1/0 bob 100 burn 5 escrow 10 ok
    release r1 expired at 50 ok
    release r1 expired at 90 again
    release r1 posting-taken
    settle r1/1 bob 10 burn 0 escrow 10 hold-ended
    hold r2 alice 300 for 50 ok
    release r2 ok
    owner alice: user 900 hold 0 escrow 0 dispute 0
  `,
  'what the two sides do not agree about waits for a word, and is divided by it': `
    grant d1 alice 1000 for 500 at 0 ok
    hold r1 alice 300 for 50 ok
    settle r1/0 bob 100 burn 5 escrow 10 ok
    dispute r1/0 bob 201 hold-short
    dispute r1/0 bob 0 amount-invalid
    dispute r1/0 alice 10 self-dealing
    dispute r2/0 bob 10 hold-unknown
    dispute r1/0 bob 40 ok
    dispute r1/0 bob 40 again
    owner alice: user 700 hold 160 escrow 0 dispute 40
    judge r1/0 41 burn 0 amount-invalid
    judge r1/0 30 burn 31 amount-invalid
    judge r1/0 -1 burn 0 amount-invalid
    judge r1/1 30 burn 1 dispute-unknown
    judge r1/0 30 burn 2 ok
    judge r1/0 30 burn 2 again
    judge r1/0 20 burn 2 posting-taken
    owner alice: user 710 hold 160 escrow 0 dispute 0
    owner bob: user 28 hold 0 escrow 95 dispute 0
    dispute r1/1 bob 160 ok
    dispute r1/2 bob 1 hold-ended
    judge r1/1 0 burn 0 ok
    owner alice: user 870 hold 0 escrow 0 dispute 0
    treasury -1000 burn 7
  `,
  'what is burned whole leaves nothing to give': `
    grant d1 alice 10 for 500 at 0 ok
    hold r1 alice 1 for 50 ok
    settle r1/0 bob 1 burn 1 escrow 0 ok
    vest r1/0 nothing-due
    owner bob: user 0 hold 0 escrow 0 dispute 0
    treasury -10 burn 1
  `,
}
