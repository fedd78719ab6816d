/**
 * The product's engine worker with a meter under it. The import order matters: the meter stands before the engine asks
 * for a device. Bundled by `bench-app.ts`.
 */
import './meter-port.ts'
import '../../web/engine/worker.ts'
