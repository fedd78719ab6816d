/** Entry of the operator's page: makes its session and mounts it. It has no part of the app: no engine, no mesh, no conversation. */
import { mount } from 'svelte'
import './ui/tokens.css'
import './ui/base.css'
import Admin from './admin/Admin.svelte'
import { OperatorSession } from './admin/operator-session.svelte.ts'
import { assert } from './wire/result.ts'

const target = document.querySelector('#page')
assert(target, 'admin.html has #page')

/** A browser may refuse it by throwing at the first touch. */
function shelf(): Storage | null {
  try {
    return sessionStorage
  } catch {
    return null
  }
}

mount(Admin, { target, props: { session: new OperatorSession((path, init) => fetch(path, init), shelf()) } })
