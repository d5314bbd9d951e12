// What every screen is held to: nothing serious for axe, nothing wider than the window, in both themes.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Violations of axe that are serious or critical, in words. */
export async function seriousViolations(page) {
  await page.evaluate(AXE);
  // Between two themes colours are neither one's; in a tab behind another they would stay so.
  await page.evaluate(() => document.getAnimations().filter((animation) => animation instanceof CSSTransition).forEach((animation) => animation.finish()));
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.failureSummary.split("\n")[1] ?? ""}`));
}

/** Everything that is wrong with how the page looks, at each width and in each theme. Pictures go to
 * FORETUNE_SCREENSHOTS where that names a folder. */
export async function faultsOfLooks(page, name, widths = [360, 960, 1600]) {
  const faults = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForFunction(() => [...document.querySelectorAll(".stage")].every((stage) => stage.getBoundingClientRect().width === 0 || Math.floor(stage.getBoundingClientRect().width) === Number(stage.querySelector("svg")?.getAttribute("width") ?? -1)));
      const place = `${colorScheme}, ${width} px`;
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (overflow > 0) faults.push(`${place}: ${overflow} px too wide`);
      faults.push(...(await seriousViolations(page)).map((violation) => `${place}: ${violation}`));
      if (process.env.FORETUNE_SCREENSHOTS) await page.screenshot({ path: `${process.env.FORETUNE_SCREENSHOTS}/${name}-${colorScheme}-${width}.png`, fullPage: true });
    }
  }
  return faults;
}
