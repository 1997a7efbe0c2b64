/** `trackMetric` → histograms by name and properties. */
import type { Properties } from '../options'
import { nameOf } from '../rows/hostile'
import { toAttributes, toMeasurement } from '../rows/properties'
import { type Point, SeriesStore } from './series'

const MAX_NAMES = 500
const MAX_NAME_LENGTH = 150

export class CustomMetrics {
  #stores = new Map<string, SeriesStore>()

  add (name: string, value: number, properties?: Properties): void {
    const number = toMeasurement(value)
    if (number === undefined) return
    const attributes = toAttributes(properties)
    const keys = Object.keys(attributes).sort()
    const sorted = keys.map(key => [key, attributes[key]] as const)
    this.#store(nameOf(name).slice(0, MAX_NAME_LENGTH))?.of(JSON.stringify(sorted), 0, () => Object.fromEntries(sorted)).add(number)
  }

  take (): Point[] {
    const points = [...this.#stores.values()].flatMap(store => store.takePoints())
    this.#stores = new Map()
    return points
  }

  /** @returns undefined if the interval has reached its limit of names */
  #store (name: string): SeriesStore | undefined {
    let store = this.#stores.get(name)
    if (store === undefined && this.#stores.size < MAX_NAMES) this.#stores.set(name, store = new SeriesStore(name))
    return store
  }
}
