/** The page that describes the API, made by Swagger UI from the description that the server gives. */

window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true });
