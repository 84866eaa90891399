/** The page that describes the API, made by Swagger UI from the description that the server gives. */

window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true });

// Swagger UI has colours for the dark, but does not ask the browser whether it is.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
