/** Method and route → the name of the operation. */

/**
 * One text for all requests of a route, because one that has just been put together must be copied before a regular
 * expression can read it. Routes and known methods are few.
 */
export class OperationNames {
  readonly #byRoute = new Map<string, Map<string, string>>()

  of (method: string, route: string): string {
    let byMethod = this.#byRoute.get(route)
    if (byMethod === undefined) this.#byRoute.set(route, byMethod = new Map())
    let name = byMethod.get(method)
    if (name === undefined) byMethod.set(method, name = `${method} ${route}`)
    return name
  }
}
